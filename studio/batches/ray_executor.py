"""A batch on many machines, by Ray: each worker holds a loaded model, jobs and pictures travel.

A worker has a GPU of its own or, where the cluster has none, some cores. One more than there are is always asked
for, so that a machine that joins, by hand or by Ray's autoscaler, is put to work at once. Files are written by the one
who asked: a worker that dies takes nothing along but the picture it was at.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from studio.batches.task import Failed, Made, Outcome, Task, Watch
from studio.errors import InputError
from studio.pictures.picture import Picture
from studio.pictures.publish import publish_bytes_at
from studio.runtime.events import Step
from studio.runtime.executors.ray_client import connected, hired, library
from studio.runtime.executors.ray_worker import Painted, Painter
from studio.version import VERSION

_AHEAD: Final = 2  # jobs a worker has: one at work, and one so that it need not wait for the next
_LOSSES: Final = 3  # workers that may die over one job
_LOOK: Final = 0.5  # seconds between looks whether somebody wants to stop


@dataclass(frozen=True)
class Cluster:
    """A Maker whose pictures are made by the workers of a Ray cluster.

    ``address`` is that of a running cluster ("10.0.0.5:6379", "auto" for one on this machine); without it one is
    started here and ends with the batch. ``cores`` are a worker's where there are no GPUs, without it those of the
    smallest machine. ``painter`` is what works there, a class with ``version`` and ``paint`` as ``Painter`` has them.
    ``landed`` is told of each picture once its file is complete.
    """

    address: str | None = None
    cores: int | None = None
    painter: type | None = None
    landed: Callable[[Picture], None] | None = None

    def make(self, tasks: Iterable[Task], out: Path, watch: Watch) -> Generator[Outcome, None, None]:
        """Make each task's picture, published as ``out / task.place``, in the order in which they come back.

        Raises InputError where there is no such cluster, or a machine of it has another version of the studio.
        """
        todo = deque(tasks)
        with connected(self.address):
            crew = _Crew(hired(self.painter or Painter, self.cores))
            try:
                for outcome in _rounds(crew, todo, out, watch):
                    if self.landed and isinstance(outcome, Made):
                        self.landed(Picture(outcome.path))
                    yield outcome
            finally:
                crew.dismiss()


@dataclass(eq=False)
class _Worker:
    """One of the crew, and the tasks it was given, the oldest first; ``arriving`` until its model can be loaded."""

    actor: Any
    arriving: Any
    tasks: dict[Any, Task] = field(default_factory=dict)


class _Crew:
    """The workers of one batch; one that is lost is replaced by whom the cluster sends next."""

    def __init__(self, hired: Any) -> None:
        self._hired = hired
        self._there: list[_Worker] = []
        self._expected: _Worker | None = None

    def expect(self) -> None:
        """Ask the cluster for one more, if none is on the way."""
        if self._expected is None:
            actor = self._hired.remote()
            self._expected = _Worker(actor, actor.version.remote())

    def give(self, todo: deque[Task]) -> None:
        """Hand out tasks; the worker with the fewest is served first."""
        for most in range(1, _AHEAD + 1):
            for worker in self._there:
                if todo and len(worker.tasks) < most:
                    task = todo.popleft()
                    worker.tasks[worker.actor.paint.remote(task.job.model_dump_json())] = task

    @property
    def busy(self) -> bool:
        return any(worker.tasks for worker in self._there)

    def heard(self) -> Iterator[tuple[Task, Painted | None, bool]]:
        """Tasks that came back within a moment: each with its picture, or None where its worker was lost.

        The last says whether the task was at work when that happened.
        """
        ray = library()
        waiting = {ref: worker for worker in self._there for ref in worker.tasks}
        arriving = [self._expected.arriving] if self._expected else []
        ready, _ = ray.wait([*waiting, *arriving], num_returns=1, timeout=_LOOK)
        for ref in ready:
            if ref in arriving:
                self._welcome(ref)
            elif ref in waiting and ref in waiting[ref].tasks:
                yield from self._answer(waiting[ref], ref)

    def _welcome(self, ref: Any) -> None:
        ray = library()
        worker, self._expected = self._expected, None
        try:
            version, host = ray.get(ref)
        except ray.exceptions.RayError:
            return  # it was lost on the way here; another is asked for
        if version != VERSION:
            raise InputError(
                f"'{host}' has version {version} of the studio and this machine {VERSION}; install one on all"
            )
        if worker:
            self._there.append(worker)

    def _answer(self, worker: _Worker, ref: Any) -> Iterator[tuple[Task, Painted | None, bool]]:
        ray = library()
        try:
            painted = ray.get(ref)
        except ray.exceptions.RayError:
            self._there.remove(worker)
            for n, task in enumerate(worker.tasks.values()):
                yield task, None, n == 0
        else:
            yield worker.tasks.pop(ref), painted, True

    def dismiss(self) -> None:
        """Send everybody home, within whatever they are at."""
        ray = library()
        for worker in [*self._there, *filter(None, [self._expected])]:
            ray.kill(worker.actor)


def _rounds(crew: _Crew, todo: deque[Task], out: Path, watch: Watch) -> Iterator[Outcome]:
    total, done = len(todo), 0
    lost: dict[int, int] = {}  # workers that died over a task
    while todo or crew.busy:
        if todo:
            crew.expect()
        crew.give(todo)
        for task, painted, at_work in crew.heard():
            lost[id(task)] = lost.get(id(task), 0) + (painted is None and at_work)
            if painted is None and lost[id(task)] < _LOSSES:
                todo.appendleft(task)
                continue
            done += 1
            yield _outcome(task, painted, out)
        watch(Step(min(done + 1, total), total, 0, 1, None))


def _outcome(task: Task, painted: Painted | None, out: Path) -> Outcome:
    """The task's picture as a file, or why there is none."""
    if painted is None:
        return Failed(task, f"the worker that was at it died, {_LOSSES} times; see Ray's log of that machine")
    if painted.problem:
        return Failed(task, painted.problem)
    try:
        return Made(task, publish_bytes_at(painted.data, out / task.place, task.job).path, painted.seconds)
    except InputError as error:
        return Failed(task, str(error))
