"""Handles Ctrl+C and SIGTERM: a command stops soon and prints one line, however often they are sent.

Ending the process at any time is safe: files are written completely or not at all, and the queue finds interrupted jobs
by itself. This module imports nothing of the studio, so that it is ready before slow imports.
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


class SignalHandler(threading.Thread):
    """After ``begin``, the first signal raises KeyboardInterrupt in the main thread, or calls the ``instead`` function.

    If the process still runs some time later, or at a further signal, it is ended at once, with a line and exit code
    ``code``.
    """

    def __init__(self, code: int) -> None:
        super().__init__(name="stopping", daemon=True)
        self.code, self.stopped = code, False
        self.patience: float | None = PATIENCE
        self.words: Callable[[], str] = lambda: "stopped; everything that was finished is kept"
        self.ask: Callable[[], None] | None = None

    def begin(self) -> None:
        """Handle the signals from now on."""
        for one in _SIGNALS:
            signal.signal(one, self._handle)
        sys.unraisablehook = _ignore_interrupts  # for exceptions that Python can only print
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        with suppress(RuntimeError):  # without a thread, only the main thread handles signals
            self.start()

    def end(self) -> None:
        """End the process now, without waiting for other threads."""
        line = f"studio: {self.words()}\n"
        with suppress(OSError):  # stderr is closed
            os.write(2, f"\r\x1b[K{line}".encode() if os.isatty(2) else line.encode())
        os._exit(self.code)

    def leave(self) -> None:
        """End the process now, without a message."""
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(self.code)

    def _handle(self, *_: object) -> None:
        if self.stopped:
            self.end()
        self.stopped = True
        if self.ask is None:
            raise KeyboardInterrupt
        self.ask()

    def run(self) -> None:
        """Notice the first signal even if the main thread is busy in a library."""
        while self._receiver.recv(1)[0] not in _SIGNALS:
            pass
        if self.patience is not None:
            time.sleep(self.patience)
            self.end()


def at_work(words: Callable[[], str]) -> None:
    """Let the running work stop by itself within a step; a further signal prints ``words`` and ends the process."""
    if handler := _active():
        handler.patience, handler.words = None, words


def instead(ask: Callable[[], None]) -> None:
    """Make the first signal call ``ask`` on the main thread, instead of raising KeyboardInterrupt."""
    if handler := _active():
        handler.ask = ask


def _active() -> SignalHandler | None:
    """The handler of this process; None if Python was not started by the command."""
    return next((thread for thread in threading.enumerate() if isinstance(thread, SignalHandler)), None)


def _ignore_interrupts(problem: "sys.UnraisableHookArgs") -> None:
    if not isinstance(problem.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(problem)
