"""A run: one job of the queue, as the surface that submitted it sees it."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from studio.errors import Cancelled, QueueError, StudioError
from studio.pictures.picture import Picture
from studio.runtime.events import Done, Event, Failed, Interrupted, RunCancelled, Watch
from studio.runtime.mailbox import Mailbox
from studio.runtime.queue import ENDED, QueueEntry, State
from studio.workflow.job import Job

_LOOK = 1.0  # seconds without events after which the queue's file is read: another process may make the run
_PAUSE = 0.1  # seconds between tries while the file cannot be read
_ENDS: dict[str, Callable[[str], Event]] = {
    "done": lambda _: Done(),
    "failed": Failed,
    "cancelled": lambda _: RunCancelled(),
    "interrupted": lambda _: Interrupted(),
    "unreadable": Failed,
}


@dataclass(frozen=True)
class RunStatus:
    """What the queue says of a run, its place (0 is next, None if it does not wait), its finished pictures and, while
    it is not over, why the queue cannot go on at the moment ("" while it can)."""

    row: QueueEntry
    place: int | None
    pictures: list[Picture]
    stalled: str


class RunSource(Protocol):
    """What a run needs of its session."""

    def row(self, run: str) -> QueueEntry: ...
    def status(self, run: str) -> RunStatus: ...
    def pictures(self, run: str) -> list[Picture]: ...
    def cancel(self, run: str) -> None: ...
    def retry(self, run: str) -> None: ...
    def subscribe(self, run: str, listener: Watch) -> Callable[[], None]: ...


@dataclass(frozen=True)
class Run:
    """One run, by its id. It holds no state of its own: every property reads the queue."""

    id: str
    source: RunSource

    @property
    def job(self) -> Job:
        return self.source.row(self.id).job

    @property
    def state(self) -> State:
        """One of: queued, running, done, failed, cancelled, interrupted."""
        return self.source.row(self.id).state

    @property
    def problem(self) -> str:
        """Why it failed, in one line; empty otherwise."""
        return self.source.row(self.id).problem

    @property
    def created(self) -> float:
        """When it was submitted, in seconds since 1970."""
        return self.source.row(self.id).created

    @property
    def status(self) -> RunStatus:
        """All of this at once."""
        return self.source.status(self.id)

    @property
    def pictures(self) -> list[Picture]:
        """The pictures finished so far."""
        return self.source.pictures(self.id)

    def follow(self, listener: Watch) -> Callable[[], None]:
        """Call ``listener`` with the present state and then every event, on the worker's thread.

        Returns the function that ends it. A listener should return quickly: the work waits for it.
        """
        return self.source.subscribe(self.id, listener)

    def events(self) -> Iterator[Event]:
        """The present state and every event from now on, until the run is over.

        A slow reader misses steps and previews that newer ones have replaced, and nothing else.
        """
        filled = threading.Event()
        mailbox = Mailbox(filled.set)
        leave = self.follow(mailbox.put)
        try:
            while True:
                silent = not filled.wait(_LOOK)
                filled.clear()
                while event := mailbox.take() or (ended(self) if silent else None):
                    yield event
                    if event.final:
                        return
        finally:
            leave()

    def wait(self, timeout: float | None = None) -> list[Picture]:
        """Wait until it is over and return the pictures.

        It goes on waiting while the queue's file cannot be read. Raises Cancelled if the run was stopped or
        interrupted, StudioError if it failed or ``timeout`` seconds have passed.
        """
        over, ends = threading.Event(), time.monotonic() + (timeout or float("inf"))
        leave = self.follow(lambda event: over.set() if event.final else None)
        try:
            while True:
                try:
                    if over.wait(_LOOK) or ended(self):
                        return self._result()
                except QueueError:
                    time.sleep(_PAUSE)
                if time.monotonic() > ends:
                    raise StudioError(f"not finished after {timeout:g} seconds; it goes on, wait again")
        finally:
            leave()

    def _result(self) -> list[Picture]:
        row = self.source.row(self.id)
        if row.state in ("failed", "unreadable"):
            raise StudioError(row.problem)
        if row.state != "done":
            raise Cancelled(f"{row.state}; {len(self.pictures)} of {row.job.total} pictures were finished and are kept")
        return self.pictures

    def cancel(self) -> None:
        """Stop it within a step, or take it out of the queue. Finished pictures are kept."""
        self.source.cancel(self.id)

    def retry(self) -> "Run":
        """Queue it again if it failed or was stopped; only the missing pictures are made."""
        self.source.retry(self.id)
        return self


def ending(row: QueueEntry) -> Event | None:
    """How a run ended, as an event; None if it has not."""
    return _ENDS[row.state](row.problem) if row.state in ENDED else None


def ended(run: Run) -> Event | None:
    """How a run ended, also in another process; None if it has not, or the queue cannot be read at the moment."""
    try:
        return ending(run.source.row(run.id))
    except QueueError:
        return None
