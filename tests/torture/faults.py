"""A disk that fails, or a process that dies, at a chosen call: each open, read, write, fsync, link, mkdir …

``write`` fails as a full disk makes it fail: after a part of the bytes.
"""

import builtins
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

_BY_PATH = ("mkdir", "link", "unlink", "replace", "rename", "scandir", "listdir", "stat", "lstat", "open")
_BY_HANDLE = ("fsync",)

Fault = Callable[[], None]


def failing(code: int) -> Fault:
    def fail() -> None:
        raise OSError(code, os.strerror(code))

    return fail


def dying() -> None:
    """kill -9 from within."""
    os.kill(os.getpid(), signal.SIGKILL)


class Disk:
    """Counts the calls that concern files below ``folder``; from number ``at`` (from 1), ``times`` of them fail."""

    def __init__(self, folder: Path, at: int = 0, fault: Fault = dying, times: float = 1) -> None:
        self.calls: list[str] = []
        self._folder, self._at, self._fault, self._times = str(folder), at, fault, times

    def arm(self, at: int) -> None:
        """From now on it is call ``at`` that fails."""
        self.calls.clear()
        self._at = at

    def ask(self, call: str) -> bool:
        """Whether this call shall fail."""
        self.calls.append(call)
        return bool(self._at) and self._at <= len(self.calls) < self._at + self._times

    def pass_or_fail(self, call: str) -> None:
        if self.ask(call):
            self._fault()

    def fail(self) -> None:
        self._fault()

    def concerns(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._folder)

    @contextmanager
    def mounted(self) -> Iterator["Disk"]:
        """While inside, Python's calls go through it."""
        patches = [patch.object(os, name, self._by_path(name)) for name in _BY_PATH]
        patches += [patch.object(os, name, self._by_handle(name)) for name in _BY_HANDLE]
        patches += [patch.object(module, "open", self._opener()) for module in (io, builtins)]
        for one in patches:
            one.start()
        try:
            yield self
        finally:
            for one in reversed(patches):
                one.stop()

    def _by_path(self, name: str):
        real = getattr(os, name)

        def call(path=".", *arguments, **named):
            if self.concerns(path):
                self.pass_or_fail(name)
            return real(path, *arguments, **named)

        return call

    def _by_handle(self, name: str):
        real = getattr(os, name)

        def call(handle):
            self.pass_or_fail(name)
            return real(handle)

        return call

    def _opener(self):
        real = io.open

        def call(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
            if not self.concerns(file):
                return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
            self.pass_or_fail("open")
            raw = _Raw(file, mode.replace("b", "").replace("t", ""), self)
            if buffering == 0:
                return raw
            kind = io.BufferedRandom if "+" in mode else io.BufferedReader if "r" in mode else io.BufferedWriter
            return kind(raw) if "b" in mode else io.TextIOWrapper(kind(raw), encoding, errors, newline)

        return call


class _Raw(io.FileIO):
    """A file on that disk."""

    def __init__(self, file, mode: str, disk: Disk) -> None:
        super().__init__(file, mode)
        self._disk = disk

    def write(self, data) -> int:
        if self._disk.ask("write"):
            super().write(memoryview(data)[: len(data) // 2])
            self._disk.fail()
        return super().write(data)

    def readinto(self, buffer) -> int | None:
        self._disk.pass_or_fail("read")
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._disk.pass_or_fail("read")
        return super().readall()
