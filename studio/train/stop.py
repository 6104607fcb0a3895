"""Ctrl+C, or SIGTERM, ends a training between two steps, when nothing is half done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """While inside, a signal sets the event; the next one does what it did before. In other threads: nothing."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {one: signal.getsignal(one) for one in _SIGNALS}

    def restore() -> None:
        for one, handler in before.items():
            signal.signal(one, handler)

    def stop(*_: object) -> None:
        asked.set()
        restore()

    for one in _SIGNALS:
        signal.signal(one, stop)
    try:
        yield asked
    finally:
        restore()
