"""Makes a batch's pictures in this process; those that can share a forward pass do, as the session's settings allow."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from logging import getLogger
from pathlib import Path
from typing import Protocol

from studio.batches.task import Failed, Made, Outcome, Task, Watch
from studio.errors import Cancelled, OutputError, StudioError
from studio.pictures import fast_record
from studio.pictures.picture import Picture
from studio.runtime.runner import Wanted


class Runs(Protocol):
    """What it asks of a session."""

    def run_all(
        self, wanted: Iterable[Wanted], *, watch: Watch
    ) -> Generator[tuple[Wanted, Picture | Exception], None, None]: ...


class Local:
    """A maker on a session: whatever one row breaks, the next is made.

    All but what no other row could survive: somebody stops the work, or the disk takes no more.
    """

    def __init__(self, session: Runs) -> None:
        self._session = session

    def make(self, tasks: Iterable[Task], out: Path, watch: Watch) -> Generator[Outcome, None, None]:
        """As ``Maker`` says, roughly in the order of the tasks."""
        asked: dict[int, Task] = {}
        there: list[Made] = []
        with closing(self._session.run_all(_missing(tasks, out, asked, there), watch=watch)) as made:
            for wanted, found in made:
                yield _outcome(asked.pop(wanted.number), found)
        yield from there


def _missing(tasks: Iterable[Task], out: Path, asked: dict[int, Task], there: list[Made]) -> Iterator[Wanted]:
    """What is to be made, each found missing just before; its task is put among those that are ``asked`` for."""
    for n, task in enumerate(tasks):
        if fast_record.key(out / task.place) == task.key:
            there.append(Made(task, out / task.place, 0.0))
        else:
            asked[n] = task
            yield Wanted(task.job, out, task.place, n)


def _outcome(task: Task, found: Picture | Exception) -> Outcome:
    """What became of a task; raises what would fail all the others too."""
    if isinstance(found, Picture):
        return Made(task, found.path, float(found.record["seconds"]))
    if isinstance(found, Cancelled | OutputError):
        raise found
    return Failed(task, _line(found))


def _line(error: Exception) -> str:
    if isinstance(error, StudioError):
        return str(error)
    getLogger("studio").error("a row of a batch", exc_info=error)
    return f"{type(error).__name__}: {error}"
