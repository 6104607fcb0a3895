"""Ctrl+C, or SIGTERM, stops a training between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """While inside, the first signal sets the event; a second one acts as usual. Only in the main thread."""
    stop_requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop_requested
        return
    before = {one: signal.getsignal(one) for one in _SIGNALS}

    def restore() -> None:
        for one, handler in before.items():
            signal.signal(one, handler)

    def stop(*_: object) -> None:
        stop_requested.set()
        restore()

    for one in _SIGNALS:
        signal.signal(one, stop)
    try:
        yield stop_requested
    finally:
        restore()
