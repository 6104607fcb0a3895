"""Makes a batch's tasks with an executor: a task that fails does not stop the others."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from logging import getLogger
from pathlib import Path

from studio.batches.task import Outcome, Task, TaskFailed, TaskMade
from studio.errors import Cancelled, OutputError, StudioError
from studio.pictures import fast_record
from studio.pictures.picture import Picture
from studio.runtime.events import Watch
from studio.runtime.executors.executor import Executor, problem_of
from studio.runtime.picture_request import PictureRequest


def execute_tasks(executor: Executor, tasks: Iterable[Task], out: Path, watch: Watch) -> Generator[Outcome, None, None]:
    """Make each task's picture as the file ``out / task.place``; yield what became of it as soon as that is known.

    A task whose file is there already, with its key, is made. Raises what would fail every other task too: that the
    work was stopped, or that the disk is full.
    """
    pending: dict[int, Task] = {}
    there: list[TaskMade] = []
    requests = _missing(tasks, out, pending, there)
    with closing(executor.execute(requests, watch)) as results:
        for request, made in results:
            yield _outcome(pending.pop(request.number), made)
    yield from there


def _missing(
    tasks: Iterable[Task], out: Path, pending: dict[int, Task], there: list[TaskMade]
) -> Iterator[PictureRequest]:
    """Requests for what is missing at the moment when each is needed; the others are put into ``there``."""
    for n, task in enumerate(tasks):
        if fast_record.key(out / task.place) == task.key:
            there.append(TaskMade(task, out / task.place))
        else:
            pending[n] = task
            yield PictureRequest(task.job, out, task.place, n)


def _outcome(task: Task, made: Picture | Exception) -> Outcome:
    if isinstance(made, Picture):
        return TaskMade(task, made.path)
    if isinstance(made, Cancelled | OutputError):
        raise made
    if not isinstance(made, StudioError):
        getLogger("studio").error("a row of a batch", exc_info=made)
    return TaskFailed(task, problem_of(made))
