"""Passes the events of runs to their subscribers, and remembers the present state of each run."""

import threading
from collections.abc import Callable
from logging import getLogger

from studio.runtime.events import Event, Watch


class EventHub:
    """The subscribers of a session's runs and batches. Calls may come from any thread and never wait for a disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: dict[str, list[_Subscription]] = {}
        self._present: dict[str, Event] = {}

    def present(self, run: str) -> Event | None:
        """The last state event of a run; None before there is one, and after the run."""
        return self._present.get(run)

    def subscribed(self) -> set[str]:
        """The runs that have subscribers."""
        with self._lock:
            return set(self._subscriptions)

    def subscribe(self, run: str, listener: Watch, present: Callable[[], Event]) -> Callable[[], None]:
        """Call ``listener`` with the ``present`` state and then with every event of a run; returns how to end that.

        An event that arrives while ``present`` is computed is newer, and replaces it.
        """
        mine = _Subscription(listener)
        with self._lock:
            self._subscriptions.setdefault(run, []).append(mine)
        try:
            first = present()
            mine.begin(first)
        except BaseException:
            self._remove(run, mine)
            raise
        if first.final:
            self._remove(run, mine)
        return lambda: self._remove(run, mine)

    def publish(self, run: str, event: Event) -> None:
        """Pass an event to all subscribers of a run. A listener that fails is unsubscribed and disturbs no other."""
        with self._lock:
            subscriptions = list(self._subscriptions.get(run, ()))
            if event.final:
                self._present.pop(run, None)
                self._subscriptions.pop(run, None)
            elif event.is_state:
                self._present[run] = event
        for one in subscriptions:
            try:
                one.send(event)
            except Exception:
                getLogger("studio").exception("a listener of run %s left", run)
                self._remove(run, one)

    def publish_to_all(self, event: Event) -> None:
        """Pass an event to the subscribers of every run."""
        for run in self.subscribed():
            self.publish(run, event)

    def repeat_present(self) -> None:
        """Pass the present state of every run to its subscribers once more."""
        for run in self.subscribed():
            if present := self.present(run):
                self.publish(run, present)

    def _remove(self, run: str, one: "_Subscription") -> None:
        with self._lock:
            left = [other for other in self._subscriptions.pop(run, ()) if other is not one]
            if left:
                self._subscriptions[run] = left


class _Subscription:
    """A listener, and whether it has received an event yet."""

    def __init__(self, listener: Watch) -> None:
        self._listener, self._received = listener, False
        self._lock = threading.RLock()

    def begin(self, present: Event) -> None:
        with self._lock:
            if not self._received:
                self._listener(present)

    def send(self, event: Event) -> None:
        with self._lock:
            self._received = True
            self._listener(event)
