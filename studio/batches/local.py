"""Makes a batch's pictures in this process, one after another."""

import time
from collections.abc import Generator, Iterable, Iterator
from logging import getLogger
from pathlib import Path, PurePosixPath
from typing import Protocol

from studio.batches.task import Failed, Made, Outcome, Task, Watch
from studio.errors import Cancelled, OutputError, StudioError
from studio.events import Event
from studio.job import Job
from studio.record import glance
from studio.record.picture import Picture


class Runs(Protocol):
    """What it asks of a session."""

    def run(self, job: Job, *, out: Path, name: PurePosixPath, watch: Watch) -> Iterator[Picture]: ...


class Local:
    """A maker on a session: whatever one row breaks, the next is made.

    All but what no other row could survive: somebody stops the work, or the disk takes no more.
    """

    def __init__(self, session: Runs) -> None:
        self._session = session

    def make(self, tasks: Iterable[Task], out: Path, watch: Watch) -> Generator[Outcome, None, None]:
        """As ``Maker`` says, in the order of the tasks."""
        for task in tasks:
            heard = _Heard(watch)
            try:
                yield from self._made(task, out, heard)
            except (Cancelled, OutputError):
                raise
            except Exception as error:
                if error is heard.raised:
                    raise
                yield Failed(task, _line(error))

    def _made(self, task: Task, out: Path, watch: Watch) -> Iterator[Made]:
        path, began = out / task.place, time.monotonic()
        if glance.key(path) == task.key:
            yield Made(task, path, 0.0)
            return
        for picture in self._session.run(task.job, out=out, name=task.place, watch=watch):
            yield Made(task, picture.path, time.monotonic() - began)


class _Heard:
    """Passes events on, and remembers what the listener raised: that stops the batch, and is no row's fault."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.raised: BaseException | None = None

    def __call__(self, event: Event) -> None:
        try:
            self._watch(event)
        except BaseException as error:
            self.raised = error
            raise


def _line(error: Exception) -> str:
    if isinstance(error, StudioError):
        return str(error)
    getLogger("studio").error("a row of a batch", exc_info=error)
    return f"{type(error).__name__}: {error}"
