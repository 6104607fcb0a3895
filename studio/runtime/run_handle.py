"""A run: one job in the queue, at work or over, as those see it who submitted it."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from studio.errors import Cancelled as Stopped
from studio.errors import QueueError, StudioError
from studio.pictures.picture import Picture
from studio.runtime.events import Cancelled, Done, Event, Failed, Interrupted, Watch
from studio.runtime.mailbox import Mailbox
from studio.runtime.queue import ENDED, QueueEntry, State
from studio.workflow.job import Job

_LOOK = 1.0  # seconds of silence after which the queue's file is looked at: another process may do the work
_PAUSE = 0.1  # seconds between looks while the file cannot be read
_ENDS: dict[str, Callable[[str], Event]] = {
    "done": lambda _: Done(),
    "failed": Failed,
    "cancelled": lambda _: Cancelled(),
    "interrupted": lambda _: Interrupted(),
    "unreadable": Failed,
}


@dataclass(frozen=True)
class Status:
    """How a run stands: what the queue says of it, its place in the line (0 is next, None where it does not wait), its
    finished pictures and, while it is not over, why the queue cannot go on just now ("" while it can)."""

    row: QueueEntry
    place: int | None
    pictures: list[Picture]
    stalled: str


class Desk(Protocol):
    """What a run asks of the session it came from."""

    def row(self, run: str) -> QueueEntry: ...
    def status(self, run: str) -> Status: ...
    def pictures(self, run: str) -> list[Picture]: ...
    def cancel(self, run: str) -> None: ...
    def retry(self, run: str) -> None: ...
    def subscribe(self, run: str, listener: Watch) -> Callable[[], None]: ...


@dataclass(frozen=True)
class Run:
    """One run, by its id. It holds no state: all it says is read from the queue when asked."""

    id: str
    desk: Desk

    @property
    def job(self) -> Job:
        return self.desk.row(self.id).job

    @property
    def state(self) -> State:
        """One of: queued, running, done, failed, cancelled, interrupted."""
        return self.desk.row(self.id).state

    @property
    def problem(self) -> str:
        """Why it failed, in one line; empty otherwise."""
        return self.desk.row(self.id).problem

    @property
    def created(self) -> float:
        """When it was submitted, in seconds since 1970."""
        return self.desk.row(self.id).created

    @property
    def status(self) -> Status:
        """All of that at once."""
        return self.desk.status(self.id)

    @property
    def pictures(self) -> list[Picture]:
        """Those finished so far."""
        return self.desk.pictures(self.id)

    def follow(self, listener: Watch) -> Callable[[], None]:
        """Hand the present state and then every event to ``listener``, on the worker's thread.

        Returns the function that ends it. A listener should be quick: the work waits for it.
        """
        return self.desk.subscribe(self.id, listener)

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

        While the queue's file cannot be read it waits on. Raises Cancelled where it was stopped or interrupted,
        StudioError where it failed or ``timeout`` seconds have passed.
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
        row = self.desk.row(self.id)
        if row.state in ("failed", "unreadable"):
            raise StudioError(row.problem)
        if row.state != "done":
            raise Stopped(f"{row.state}; {len(self.pictures)} of {row.job.total} pictures were finished and are kept")
        return self.pictures

    def cancel(self) -> None:
        """Stop it within a step, or take it out of the queue. Finished pictures are kept."""
        self.desk.cancel(self.id)

    def retry(self) -> "Run":
        """Queue it again where it failed or was stopped; only the missing pictures are made."""
        self.desk.retry(self.id)
        return self


def ending(row: QueueEntry) -> Event | None:
    """How a run ended, as an event; None while it has not."""
    return _ENDS[row.state](row.problem) if row.state in ENDED else None


def ended(run: Run) -> Event | None:
    """How a run ended, also where another process did the work; None while it has not, or nobody can tell just now."""
    try:
        return ending(run.desk.row(run.id))
    except QueueError:
        return None
