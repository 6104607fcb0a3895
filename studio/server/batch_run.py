"""One batch at work, or waiting for those before it, and who listens."""

import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field

from studio.pictures.picture import Picture
from studio.runtime.events import Event, Queued, Step, Watch
from studio.runtime.executors.executor import Executor, stoppable
from studio.runtime.picture_request import PictureRequest, PictureResult


@dataclass(frozen=True)
class RowDone(Event):
    """A task is over: its picture is at ``file``, or there is none for the reason ``problem``."""

    key: str
    file: str
    problem: str


@dataclass(eq=False)
class Work:
    """Tells those who follow it where it stands and all that comes; ``stop`` asks it to end within a step."""

    stop: threading.Event = field(default_factory=threading.Event)
    present: Event = field(default=Queued(1))
    turn: Future[None] | None = None
    _listeners: list[Callable[[Event], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def follow(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Hand every event to ``listener``, first where it stands now; returns how to end that."""
        with self._lock:
            listener(self.present)
            self._listeners.append(listener)
        return lambda: self._forget(listener)

    def _forget(self, listener: Callable[[Event], None]) -> None:
        with self._lock:
            self._listeners = [one for one in self._listeners if one is not listener]

    def tell(self, event: Event) -> None:
        """Tell all who listen; one that cannot hear any more is forgotten."""
        with self._lock:
            self.present = self.present if isinstance(event, RowDone) else event
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(event)
            except Exception:  # its loop is closed, or it is broken: that must not end the batch
                self._forget(listener)

    @property
    def watch(self) -> Watch:
        """What hears the steps, and stops the work."""
        return stoppable(self.stop.is_set, lambda event: self.tell(event) if isinstance(event, Step) else None)


class Telling:
    """A maker that tells of each task with its key, so that who looks on knows which it was."""

    def __init__(self, executor: Executor, tell: Watch) -> None:
        self._executor, self._tell = executor, tell
        self.lanes = executor.lanes

    def execute(
        self, requests: Iterable[PictureRequest], watch: Watch, *, previews: bool = False, total: int | None = None
    ) -> Generator[PictureResult, None, None]:
        """As the executor does."""
        with closing(self._executor.execute(requests, watch, previews=previews, total=total)) as results:
            for request, made in results:
                yield request, made
                self._tell(_done(request, made))

    def close(self) -> None:
        self._executor.close()


def _done(request: PictureRequest, made: Picture | Exception) -> RowDone:
    if isinstance(made, Picture):
        return RowDone(request.job.key, str(made.path), "")
    return RowDone(request.job.key, "", str(made))
