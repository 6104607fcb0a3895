"""What Ctrl+C, and SIGTERM as services send it, do to a command: it stops soon, in one line, however often they come.

Whatever is cut off is safe to cut off: pictures, tables and states are files that are there whole or not at all, and
the queue finds by itself what was interrupted. Imports nothing of the studio, so that it is there before all else.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

PATIENCE: Final = 0.5  # seconds that a command may take to stop
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stopping(threading.Thread):
    """Once it has begun, the first signal raises KeyboardInterrupt in the main thread, or does what ``instead`` said.

    Where the process is still there some time later, and on any further signal, it ends at once, with a line and exit
    code ``code``.
    """

    def __init__(self, code: int) -> None:
        super().__init__(name="stopping", daemon=True)
        self.code, self.asked = code, False
        self.patience: float | None = PATIENCE
        self.words: Callable[[], str] = lambda: "stopped; all that was finished is kept"
        self.ask: Callable[[], None] | None = None

    def begin(self) -> None:
        """Hear the signals from now on."""
        for one in _SIGNALS:
            signal.signal(one, self._hear)
        sys.unraisablehook = _tell_all_but_interrupts  # where Python itself can only print and go on
        self._told, self._telling = socket.socketpair()
        self._telling.setblocking(False)
        signal.set_wakeup_fd(self._telling.fileno(), warn_on_full_buffer=False)
        with suppress(RuntimeError):  # no thread can be had: then only the main thread hears
            self.start()

    def end(self) -> None:
        """End the process now; no thread that is still at work is waited for."""
        line = f"studio: {self.words()}\n"
        with suppress(OSError):  # nobody reads any more
            os.write(2, f"\r\x1b[K{line}".encode() if os.isatty(2) else line.encode())
        os._exit(self.code)

    def leave(self) -> None:
        """End the process now; what is to be said was said."""
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(self.code)

    def _hear(self, *_: object) -> None:
        if self.asked:
            self.end()
        self.asked = True
        if self.ask is None:
            raise KeyboardInterrupt
        self.ask()

    def run(self) -> None:
        """Hear of the first signal even where the main thread is deep in a library and does not yet."""
        while self._told.recv(1)[0] not in _SIGNALS:
            pass
        if self.patience is not None:
            time.sleep(self.patience)
            self.end()


def at_work(words: Callable[[], str]) -> None:
    """From now on what is at work stops by itself within a step and is waited for; a further signal says ``words``."""
    if stopping := _in_force():
        stopping.patience, stopping.words = None, words


def instead(ask: Callable[[], None]) -> None:
    """From now on the first signal calls ``ask``, on the main thread, and interrupts nothing."""
    if stopping := _in_force():
        stopping.ask = ask


def _in_force() -> Stopping | None:
    """What hears the signals of this process; None where Python is used otherwise than by the command."""
    return next((thread for thread in threading.enumerate() if isinstance(thread, Stopping)), None)


def _tell_all_but_interrupts(problem: "sys.UnraisableHookArgs") -> None:
    if not isinstance(problem.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(problem)
