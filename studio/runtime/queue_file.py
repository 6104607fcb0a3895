"""The queue's SQLite file, opened by one process at first use and again after a failure.

A full disk, another program's lock or a damaged file is never fatal: each call raises a QueueError that says what is
wrong, and the next one tries again.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from studio.errors import QueueError
from studio.files import private

_PATIENCE: Final = 5.0  # seconds to wait while others write
_PAUSE: Final = 0.02
_BESIDE: Final = 100  # pages of 4096 bytes in the write-ahead log, which is little even on a small disk
_PASSING: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}  # the connection is still good
_REMEDIES: Final = {
    sqlite3.SQLITE_BUSY: "another program holds it; end that one",
    sqlite3.SQLITE_LOCKED: "another program holds it; end that one",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_CORRUPT: "move it away, or set STUDIO_STATE to another folder",
    sqlite3.SQLITE_NOTADB: "move it away, or set STUDIO_STATE to another folder",
}
_OTHERWISE: Final = "check its disk and permissions, or set STUDIO_STATE to another folder"

Rows = list[tuple[Any, ...]]


class QueueFile:
    """Its calls may come from any thread; ``opened`` is called with each new connection."""

    def __init__(self, path: Path, schema: str, opened: Callable[[], None]) -> None:
        self._path, self._schema, self._opened = path, schema, opened
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._closed = False

    def ask(self, sql: str, *values: object) -> Rows:
        """The rows of one statement, which is executed as a whole or not at all.

        It waits a few seconds while others write. Raises QueueError if the file cannot be used.
        """
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                with self._lock:
                    return self._connection().execute(sql, values).fetchall()
            except (OSError, sqlite3.Error) as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise self._unusable(error) from None
            time.sleep(_PAUSE)  # without the lock: readers need not wait for writers

    @contextmanager
    def together(self) -> Iterator[None]:
        """While inside, no other thread executes a statement."""
        with self._lock:
            yield

    def close(self) -> None:
        """Close the file for good."""
        with self._lock:
            self._closed = True
            self._drop()

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            raise sqlite3.ProgrammingError("it is closed")
        if self._db is None:
            self._connect()
        if self._db is None:
            raise sqlite3.OperationalError("it broke while it was opened")
        return self._db

    def _connect(self) -> None:
        private.state_folder(self._path.parent)
        if not self._path.exists():
            private.file(self._path)
        self._db = db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            db.text_factory = lambda text: text.decode("utf-8", "replace")  # one bad character must not hide all rows
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint = {_BESIDE}")
            db.execute(f"PRAGMA journal_size_limit = {_BESIDE * 4096}")
            db.executescript(self._schema)
            self._opened()
        except BaseException:
            self._drop()
            raise

    def _unusable(self, error: Exception) -> QueueError:
        code = _code(error)
        with self._lock:
            if code not in _PASSING:
                self._drop()
            elif code == sqlite3.SQLITE_FULL and self._db:
                with suppress(sqlite3.Error):  # move the write-ahead log into the file, which frees some space
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return QueueError(
            f"the queue '{self._path}' cannot be used ({why}); {_REMEDIES.get(code, _OTHERWISE)}; nothing in it is lost"
        )

    def _drop(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None


def _code(error: Exception) -> int:
    """SQLite's primary error code, 0 for any other error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
