"""An executor for a batch: all workers that a Ray cluster can give, also those that join while it runs.

A worker has a GPU of its own or, in a cluster without GPUs, some cores. One more than there are is always requested, so
that a machine that joins, by hand or by Ray's autoscaler, is used at once. Files are written on the requesting machine:
a worker that dies loses only the picture it was making.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from studio.errors import InputError
from studio.runtime.events import Step, Watch
from studio.runtime.executors.ray_client import connected, library, remote_class
from studio.runtime.executors.ray_worker import RayWorker, RemotePicture
from studio.runtime.picture_request import PictureRequest, PictureResult
from studio.version import VERSION

_AHEAD: Final = 2  # requests a worker has: the one it makes, and one so that it need not wait for the next
_LOSSES: Final = 3  # workers that may die over one request
_POLL: Final = 0.5  # seconds between calls of ``watch``, which may stop the work


@dataclass(frozen=True)
class AutoscalingRayExecutor:
    """Makes pictures on the workers of a Ray cluster.

    ``address`` is that of a running cluster ("10.0.0.5:6379", "auto" for one on this machine); without it one is
    started here for each call and ends with it. ``cores`` are a worker's in a cluster without GPUs, by default those of
    the smallest machine. ``worker`` is the class that runs there, with ``version`` and ``make`` as in ``RayWorker``.
    """

    address: str | None = None
    cores: int | None = None
    worker: type = RayWorker
    lanes: int = field(default=1, init=False)

    def execute(
        self,
        requests: Iterable[PictureRequest],
        watch: Watch,
        *,
        previews: bool = False,  # noqa: ARG002
        total: int | None = None,  # noqa: ARG002
    ) -> Generator[PictureResult, None, None]:
        """As ``Executor`` says, in the order in which pictures come back, without previews.

        Raises InputError if there is no such cluster, or a machine of it has another version of the studio.
        """
        todo = deque(requests)
        with connected(self.address):
            workers = _Workers(remote_class(self.worker, self.cores))
            try:
                yield from _rounds(workers, todo, watch)
            finally:
                workers.kill()

    def close(self) -> None:
        """Nothing outlives a call."""


@dataclass(eq=False)
class _Worker:
    """A worker and its requests, the oldest first. ``version`` is what it answers once it has started."""

    actor: Any
    version: Any
    requests: dict[Any, PictureRequest] = field(default_factory=dict)


class _Workers:
    """The workers of one call. A lost one is replaced by the next that the cluster gives."""

    def __init__(self, remote: Any) -> None:
        self._remote = remote
        self._ready: list[_Worker] = []
        self._starting: _Worker | None = None

    @property
    def busy(self) -> bool:
        return any(worker.requests for worker in self._ready)

    def request_one_more(self) -> None:
        """Ask the cluster for another worker, unless one is starting."""
        if self._starting is None:
            actor = self._remote.remote()
            self._starting = _Worker(actor, actor.version.remote())

    def assign(self, todo: deque[PictureRequest]) -> None:
        """Hand out requests; the worker with the fewest is served first."""
        for most in range(1, _AHEAD + 1):
            for worker in self._ready:
                if todo and len(worker.requests) < most:
                    request = todo.popleft()
                    worker.requests[worker.actor.make.remote(request.job.model_dump_json())] = request

    def results(self) -> Iterator[tuple[PictureRequest, RemotePicture | None, bool]]:
        """Requests that came back within a moment: each with its picture, or None if its worker was lost.

        The last value says whether the worker was making it at that time.
        """
        pending = {ref: worker for worker in self._ready for ref in worker.requests}
        starting = [self._starting.version] if self._starting else []
        ready, _ = library().wait([*pending, *starting], num_returns=1, timeout=_POLL)
        for ref in ready:
            if ref in starting:
                self._accept(ref)
            elif ref in pending and ref in pending[ref].requests:
                yield from self._result(pending[ref], ref)

    def _accept(self, ref: Any) -> None:
        ray = library()
        worker, self._starting = self._starting, None
        try:
            version, host = ray.get(ref)
        except ray.exceptions.RayError:
            return  # it was lost while it started; another is requested
        if version != VERSION:
            raise InputError(
                f"'{host}' has version {version} of the studio and this machine {VERSION}; install one on all"
            )
        if worker:
            self._ready.append(worker)

    def _result(self, worker: _Worker, ref: Any) -> Iterator[tuple[PictureRequest, RemotePicture | None, bool]]:
        ray = library()
        try:
            made = ray.get(ref)
        except ray.exceptions.RayError:
            self._ready.remove(worker)
            for n, request in enumerate(worker.requests.values()):
                yield request, None, n == 0
        else:
            yield worker.requests.pop(ref), made, True

    def kill(self) -> None:
        """End all workers, whatever they are doing."""
        ray = library()
        for worker in [*self._ready, *filter(None, [self._starting])]:
            ray.kill(worker.actor)


def _rounds(workers: _Workers, todo: deque[PictureRequest], watch: Watch) -> Iterator[PictureResult]:
    total, done = len(todo), 0
    lost: dict[int, int] = {}  # workers that died over a request
    while todo or workers.busy:
        if todo:
            workers.request_one_more()
        workers.assign(todo)
        for request, made, at_work in workers.results():
            lost[id(request)] = lost.get(id(request), 0) + (made is None and at_work)
            if made is None and lost[id(request)] < _LOSSES:
                todo.appendleft(request)
                continue
            done += 1
            problem = f"the worker that made it died, {_LOSSES} times; see Ray's log of that machine"
            yield request, (made or RemotePicture(problem=problem)).publish(request)
        watch(Step(min(done + 1, total), total, 0, 1, None))
