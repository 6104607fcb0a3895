"""Hands that are the workers of a cluster: a session's queue is worked through by as many as there are."""

from collections.abc import Collection, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from studio.errors import StudioError
from studio.pictures import file_names
from studio.pictures.picture import Picture
from studio.pictures.publish import publish_bytes
from studio.runtime.events import Event
from studio.runtime.executors.ray_client import hired, library
from studio.runtime.executors.ray_worker import Painted, Painter
from studio.runtime.runner import Watch
from studio.workflow.job import Job

_TRIES: Final = 3  # workers that may die over one picture
_RESTART: Final = 120.0  # seconds in which Ray starts a worker again

Asked = tuple[str, int, str, bool]
"""A job in JSON, a picture's number in it, the template for its name, and whether previews are wanted."""


class Crew:
    """``lanes`` workers, each with a picture at a time; one that dies is started anew, by Ray.

    Their files are written here, so that a folder of this machine has them all.
    """

    def __init__(self, lanes: int, painter: type = Painter, cores: int | None = None) -> None:
        self.lanes = lanes
        made = hired(painter, cores, lasting=True)
        self._all = [made.remote() for _ in range(lanes)]
        self._free: SimpleQueue[Any] = SimpleQueue()
        for worker in self._all:
            self._free.put(worker)

    def work(
        self, job: Job, out: Path, name: file_names.Name, watch: Watch, *, previews: bool, finished: Collection[int]
    ) -> Iterator[tuple[int, Picture]]:
        """As ``Hands`` says; who is free next makes the next picture."""
        for number in range(job.total):
            if number not in finished:
                painted = self._painted((job.model_dump_json(), number, str(name), previews), watch)
                yield number, publish_bytes(painted.data, out, painted.stem)

    def close(self) -> None:
        """Send everybody home."""
        for worker in self._all:
            library().kill(worker)

    def _painted(self, asked: Asked, watch: Watch) -> Painted:
        worker = self._free.get()
        try:
            for _ in range(_TRIES):
                if painted := _followed(worker, asked, watch):
                    return painted
        finally:
            self._free.put(worker)
        raise StudioError(f"the worker that was at it died, {_TRIES} times; see Ray's log of that machine")


def _followed(worker: Any, asked: Asked, watch: Watch) -> Painted | None:
    """The picture, while ``watch`` hears of it; None where the worker was lost. Raises what ``watch`` raises."""
    ray = library()
    stream = worker.follow.options(num_returns="streaming").remote(*asked)
    try:
        for ref in stream:
            said: Event | Painted = ray.get(ref)
            if isinstance(said, Painted):
                if said.problem:
                    raise StudioError(said.problem)
                return said
            watch(said)
    except ray.exceptions.RayError:
        _wait_until_back(worker)
        return None
    except BaseException:
        worker.stop.options(concurrency_group="stopping").remote()
        raise
    return None


def _wait_until_back(worker: Any) -> None:
    """Return once Ray has started a lost worker again: until it knows of the loss, every call fails at once."""
    ray = library()
    try:
        ray.get(worker.version.options(max_task_retries=-1).remote(), timeout=_RESTART)
    except ray.exceptions.RayError:
        raise StudioError(
            f"a worker was lost and did not start again within {_RESTART:.0f} s; see Ray's log of that machine"
        ) from None
