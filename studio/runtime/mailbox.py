"""Events on their way to a reader that may be slower than the work."""

import threading
from collections.abc import Callable

from studio.runtime.events import Event


class Mailbox:
    """Unread events. A newer step or preview replaces an unread one; no other event is lost.

    ``notify`` is called after each event, on the thread that put it: it wakes the reader, whether that waits in a
    thread or in an event loop.
    """

    def __init__(self, notify: Callable[[], object]) -> None:
        self._notify = notify
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def put(self, event: Event) -> None:
        """Add an event, from any thread."""
        with self._lock:
            if event.stale_soon:
                self._events = [old for old in self._events if type(old) is not type(event)]
            self._events.append(event)
        self._notify()

    def take(self) -> Event | None:
        """The oldest unread event; None if there is none."""
        with self._lock:
            return self._events.pop(0) if self._events else None
