"""The index's file: SQLite, shared by several processes.

All of it was read from the folders and can be read again, so a new schema gets a new file name, and nothing is ever
migrated.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from studio.errors import OutputError
from studio.files import private

FILE: Final = "gallery-1.sqlite"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS files (
  path TEXT PRIMARY KEY, place TEXT NOT NULL, id TEXT, problem TEXT NOT NULL DEFAULT '',
  size INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_by_picture ON files (id);
CREATE TABLE IF NOT EXISTS pictures (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, place TEXT NOT NULL DEFAULT '', path TEXT NOT NULL DEFAULT '',
  made INTEGER NOT NULL DEFAULT 0, told INTEGER, width INTEGER NOT NULL, height INTEGER NOT NULL,
  bytes INTEGER NOT NULL, recorded INTEGER NOT NULL, workflow TEXT NOT NULL, title TEXT NOT NULL,
  prompt TEXT NOT NULL, negative TEXT NOT NULL, seed INTEGER
);
CREATE TABLE IF NOT EXISTS looks (id TEXT PRIMARY KEY, looks BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS pictures_by_time ON pictures (place, made, id);
CREATE INDEX IF NOT EXISTS pictures_by_seed ON pictures (seed);
CREATE TABLE IF NOT EXISTS uses (
  id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, licence TEXT NOT NULL, PRIMARY KEY (id, kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parents (
  id TEXT NOT NULL, parent TEXT NOT NULL, input TEXT NOT NULL, PRIMARY KEY (id, parent, input)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS children ON parents (parent);
CREATE TABLE IF NOT EXISTS marks (
  id TEXT PRIMARY KEY, favourite INTEGER NOT NULL, rating INTEGER NOT NULL, note TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (
  id TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (id, kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS labels_by_key ON labels (kind, key);
CREATE TABLE IF NOT EXISTS journals (path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
  prompt, negative, note, tags, name, title, workflow, model, lora, licence,
  tokenize = "unicode61 remove_diacritics 2", prefix = '2 3'
);
"""
_TABLES: Final = ("files", "pictures", "looks", "uses", "parents", "marks", "labels", "journals", "words")


class Database:
    """The index's file, opened by one process. Its methods may be called from any thread."""

    def __init__(self, file: Path, patience: float = 5.0) -> None:
        """Open the file; ``patience`` is how many seconds to wait for another process that is writing.

        Raises OutputError if the file cannot be used.
        """
        self.file = file
        self._lock = threading.RLock()
        with self._errors():
            private.state_folder(file.parent)
            private.file(file)
            self._db = sqlite3.connect(file, timeout=patience, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise _unusable(self.file, error) from None

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query or a single change; raises OutputError if the file cannot be used."""
        with self._lock, self._errors():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def change(self) -> Iterator[None]:
        """A transaction: the changes inside happen together or not at all."""
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    self._db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @classmethod
    def clear(cls, file: Path) -> None:
        """Leave an empty index, whatever was in the file; other processes that have it open continue with it.

        Raises OutputError if the file cannot be used or is locked by another process.
        """
        try:
            with closing(sqlite3.connect(file, timeout=5)) as db, db:
                for table in _TABLES:
                    db.execute(f"DELETE FROM {table}")  # noqa: S608
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "no such table" not in str(error) and file.exists():
                raise _unusable(file, error) from None
            _delete(file)  # it is new, or unreadable


def _unusable(file: Path, error: Exception) -> OutputError:
    unwritable = isinstance(error, OSError)  # otherwise the content is wrong
    mend = "set STUDIO_STATE to a folder that can be written" if unwritable else "rebuild it: studio gallery rebuild"
    return OutputError(f"the gallery's index '{file}' cannot be used ({error}); {mend}")


def _delete(file: Path) -> None:
    try:
        for path in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(file, error) from None
