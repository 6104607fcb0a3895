"""Hands what runs tell to those who listen, and remembers where each run stands."""

import threading
from collections.abc import Callable
from logging import getLogger

from studio.runtime.events import Event, Made, Preview, Stalled

Listener = Callable[[Event], None]
_PASSING = (Made, Preview, Stalled)  # say nothing of where a run stands


class Hub:
    """The listeners of a session's runs. Its calls may come from any thread; none of them waits for a disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listening: dict[str, list[_Listening]] = {}
        self._present: dict[str, Event] = {}

    def present(self, run: str) -> Event | None:
        """Where a run stands that is not over: the last that was told of it, previews and pictures aside."""
        return self._present.get(run)

    def listened_to(self) -> set[str]:
        """The runs that somebody listens to."""
        with self._lock:
            return set(self._listening)

    def subscribe(self, run: str, listener: Listener, standing: Callable[[], Event]) -> Callable[[], None]:
        """Hand every event of a run to ``listener``, first where it is ``standing``; returns how to end that.

        What is told meanwhile is newer than where it was standing, which is then left out.
        """
        mine = _Listening(listener)
        with self._lock:
            self._listening.setdefault(run, []).append(mine)
        try:
            first = standing()
            mine.begin(first)
        except BaseException:
            self._leave(run, mine)
            raise
        if first.final:
            self._leave(run, mine)
        return lambda: self._leave(run, mine)

    def tell(self, run: str, event: Event) -> None:
        """Tell all who listen to a run; one that fails is told no more, and keeps nobody from hearing."""
        with self._lock:
            listening = list(self._listening.get(run, ()))
            if event.final:
                self._present.pop(run, None)
                self._listening.pop(run, None)
            elif not isinstance(event, _PASSING):
                self._present[run] = event
        for one in listening:
            try:
                one.hear(event)
            except Exception:
                getLogger("studio").exception("a listener of run %s left", run)
                self._leave(run, one)

    def tell_all(self, event: Event) -> None:
        """Tell everybody, whatever they listen to."""
        for run in self.listened_to():
            self.tell(run, event)

    def tell_again(self) -> None:
        """Tell everybody where their run stands."""
        for run in self.listened_to():
            if present := self.present(run):
                self.tell(run, present)

    def _leave(self, run: str, one: "_Listening") -> None:
        with self._lock:
            left = [other for other in self._listening.pop(run, ()) if other is not one]
            if left:
                self._listening[run] = left


class _Listening:
    """A listener that hears where its run stands unless it has heard something newer."""

    def __init__(self, listener: Listener) -> None:
        self._listener, self._heard = listener, False
        self._lock = threading.RLock()

    def begin(self, standing: Event) -> None:
        with self._lock:
            if not self._heard:
                self._listener(standing)

    def hear(self, event: Event) -> None:
        with self._lock:
            self._heard = True
            self._listener(event)
