"""An executor for a session's queue: a fixed number of workers in a Ray cluster, each with a run at a time."""

from collections.abc import Generator, Iterable
from queue import SimpleQueue
from typing import Any, Final

from studio.errors import StudioError
from studio.runtime.events import Watch
from studio.runtime.executors.ray_client import library, remote_class
from studio.runtime.executors.ray_worker import RayWorker, RemotePicture
from studio.runtime.picture_request import PictureRequest, PictureResult

_TRIES: Final = 3  # workers that may die over one picture
_RESTART: Final = 120.0  # seconds in which Ray starts a worker again


class FixedRayExecutor:
    """``lanes`` workers, each with a picture at a time. Ray restarts those that die.

    Files are written here, so that a folder of this machine has all of them. Serve the queue with it while
    ``ray_client.connected``.
    """

    def __init__(self, lanes: int, worker: type = RayWorker, cores: int | None = None) -> None:
        self.lanes = lanes
        actor = remote_class(worker, cores, restarts=True)
        self._all = [actor.remote() for _ in range(lanes)]
        self._free: SimpleQueue[Any] = SimpleQueue()
        for each in self._all:
            self._free.put(each)

    def execute(
        self,
        requests: Iterable[PictureRequest],
        watch: Watch,
        *,
        previews: bool = False,
        total: int | None = None,  # noqa: ARG002
    ) -> Generator[PictureResult, None, None]:
        """As ``Executor`` says; the next free worker makes the next picture."""
        for request in requests:
            yield request, self._made(request, watch, previews=previews).publish(request)

    def close(self) -> None:
        """End all workers."""
        for worker in self._all:
            library().kill(worker)

    def _made(self, request: PictureRequest, watch: Watch, *, previews: bool) -> RemotePicture:
        worker = self._free.get()
        try:
            for _ in range(_TRIES):
                if made := _streamed(worker, request, watch, previews=previews):
                    return made
        finally:
            self._free.put(worker)
        return RemotePicture(problem=f"the worker that made it died, {_TRIES} times; see Ray's log of that machine")


def _streamed(worker: Any, request: PictureRequest, watch: Watch, *, previews: bool) -> RemotePicture | None:
    """The picture, while ``watch`` receives its events; None if the worker was lost. Raises what ``watch`` raises."""
    ray = library()
    job = request.job.model_dump_json()
    stream = worker.stream.options(num_returns="streaming").remote(job, request.number, request.of, previews)
    try:
        for ref in stream:
            event = ray.get(ref)
            if isinstance(event, RemotePicture):
                return event
            watch(event)
    except ray.exceptions.RayError:
        _wait_until_back(worker)
        return None
    except BaseException:
        worker.stop.options(concurrency_group="stopping").remote()
        raise
    return None


def _wait_until_back(worker: Any) -> None:
    """Return once Ray has restarted a lost worker: until it knows of the loss, every call fails at once."""
    ray = library()
    try:
        ray.get(worker.version.options(max_task_retries=-1).remote(), timeout=_RESTART)
    except ray.exceptions.RayError:
        raise StudioError(
            f"a worker was lost and did not start again within {_RESTART:.0f} s; see Ray's log of that machine"
        ) from None
