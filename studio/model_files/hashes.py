"""Files pinned by their SHA-256, so that one that has changed can be named."""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from studio.errors import ModelError
from studio.files.untrusted import is_file, open_file
from studio.model_files.hash_cache import HashCache

_TICK: Final = 10_000_000  # nanoseconds: file systems take the time from a clock that ticks so seldom on some kernels


LAST: Final = 2**63 - 1
"""The last time that a stamp can hold, in nanoseconds since 1970: in the year 2262."""


class Stamp(NamedTuple):
    """What changes with a file's content: size, time of change, and the time nobody can set back.

    Times are in nanoseconds since 1970; those that 64 bits cannot hold are the nearest that they can.
    """

    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, file: Path) -> "Stamp":
        return cls.told(file.stat())

    @classmethod
    def told(cls, about: os.stat_result) -> "Stamp":
        """The stamp in what the system says of a file."""
        times = (max(-LAST, min(time, LAST)) for time in (about.st_mtime_ns, about.st_ctime_ns))
        return cls(about.st_size, *times)

    @classmethod
    def settled(cls, file: Path) -> "Stamp":
        """The stamp once any further change would show in it: for a file of this very moment the clock must tick."""
        if 0 <= time.time_ns() - file.stat().st_ctime_ns < _TICK:
            time.sleep(_TICK / 1e9)
        return cls.of(file)


class Pin(NamedTuple):
    """A file as it was when its model was added; as long as the stamp is the same, it need not be read again."""

    sha256: str
    stamp: Stamp

    @classmethod
    def of(cls, file: Path, hash_cache: HashCache) -> "Pin":
        stamp = Stamp.settled(file)
        return cls(_digest(file, stamp, hash_cache), stamp)

    def problem(self, file: Path, hash_cache: HashCache, *, thorough: bool = False) -> str:
        """What is wrong with the file, "" where nothing is; ``thorough`` reads it whatever its stamp says."""
        if not is_file(file):
            return f"'{file}' is missing (expected SHA-256 {self.sha256})"
        size = file.stat().st_size
        if size < self.stamp.size:
            return f"'{file}' is cut off: {size:,} of {self.stamp.size:,} bytes (expected SHA-256 {self.sha256})"
        if not thorough and Stamp.of(file) == self.stamp:
            return ""
        found = read_digest(file) if thorough else digest(file, hash_cache)
        return "" if found == self.sha256 else f"'{file}' has changed: SHA-256 {found}, expected {self.sha256}"


class Lying(NamedTuple):
    """Where a model's files lie, each by its name within the model: "" is ``path`` itself, where the model is one file.

    ``parts`` are files of their own beside that one; what else has a name lies in ``base``, or where there is none in
    the folder ``path``.
    """

    path: Path
    base: Path | None
    parts: Mapping[str, Path]

    def file(self, name: str) -> Path:
        """The file of a name, be it there or not."""
        return self.parts.get(name) or ((self.base or self.path) / name if name else self.path)

    def problems(self, pins: Mapping[str, Pin], hash_cache: HashCache, *, thorough: bool = False) -> Iterator[str]:
        """What is not as it was pinned, one line for each file; ``thorough`` reads all whatever their stamps say."""
        for name, pin in pins.items():
            if problem := pin.problem(self.file(name), hash_cache, thorough=thorough):
                yield problem


def digest(file: Path, hash_cache: HashCache) -> str:
    """The SHA-256 of a file, read again only where its stamp is another: models are large, and it is remembered.

    Raises ModelError where it cannot be read.
    """
    try:
        return _digest(file, Stamp.settled(file), hash_cache)
    except OSError as error:
        raise ModelError(f"'{file}' cannot be read: {error.strerror or error}") from None


def read_digest(file: Path) -> str:
    """The SHA-256 of what the file holds now; raises ModelError where it cannot be read."""
    try:
        with open_file(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"'{file}' cannot be read: {error.strerror or error}") from None


@cache
def _digest(file: Path, stamp: Stamp, hash_cache: HashCache) -> str:
    return hash_cache.remembered(file, "file", stamp, read_digest)
