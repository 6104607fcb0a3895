"""Hashes of large files, remembered in ``hashes.sqlite`` in the state folder: reading models takes seconds each.

A hash counts as long as the file's stamp is the same. It is only a memory: damaged or lost, files are read again.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.files import private

Stamp = tuple[int, int, int]
"""Size and times of a file, as in ``hashes.Stamp``."""

_SMALL: Final = 2**20  # bytes that are read faster than looked up
_TABLE: Final = """
create table if not exists hashes (
  path text, kind text, size integer, modified integer, changed integer, sha256 text, primary key (path, kind)
)"""


@dataclass(frozen=True)
class HashCache:
    """The hashes in a file; without a file, each is read when it is asked for."""

    file: Path | None = None

    def remembered(self, file: Path, kind: str, stamp: Stamp, read: Callable[[Path], str]) -> str:
        """The hash of a ``kind`` of content ("file", "tensors"), read by ``read`` where it is not known."""
        if self.file is None or stamp[0] < _SMALL:
            return read(file)
        if known := self._recalled(file, kind, stamp):
            return known
        found = read(file)
        self._keep(file, kind, stamp, found)
        return found

    def known(self, files: Iterable[Path], stamp: Callable[[Path], Stamp]) -> Iterator[tuple[Path, str]]:
        """What is known of files without reading them: each hash of each."""
        wanted = {str(file.absolute()): file for file in files}
        for path, sha256, *stamped in self._rows("select path, sha256, size, modified, changed from hashes"):
            with suppress(OSError):
                if path in wanted and tuple(stamped) == tuple(stamp(wanted[path])):
                    yield wanted[path], str(sha256)

    def _recalled(self, file: Path, kind: str, stamp: Stamp) -> str:
        asked = "select sha256 from hashes where path=? and kind=? and size=? and modified=? and changed=?"
        return next((str(sha256) for (sha256,) in self._rows(asked, str(file.absolute()), kind, *stamp)), "")

    def _keep(self, file: Path, kind: str, stamp: Stamp, sha256: str) -> None:
        if self.file is None:
            return
        with suppress(sqlite3.Error, OSError, UnicodeError):
            private.state_folder(self.file.parent)
            with _opened(self.file) as memory, memory:
                memory.execute(_TABLE)
                row = (str(file.absolute()), kind, *stamp, sha256)
                memory.execute("insert or replace into hashes values (?, ?, ?, ?, ?, ?)", row)

    def _rows(self, asked: str, *values: object) -> list[tuple[object, ...]]:
        with suppress(sqlite3.Error, OSError, UnicodeError):
            if self.file and self.file.is_file():
                with _opened(self.file) as memory:
                    return memory.execute(asked, values).fetchall()
        return []


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(private.file(file), timeout=5)) as memory:
        yield memory
