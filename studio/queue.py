"""The durable queue: every run, its state and its pictures' files, in one SQLite file.

Several processes may share the file. Each holds a lock of its own for as long as it lives; runs
of one that has died are found by its lock being free.
"""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock, Timeout

from studio import private
from studio.errors import InputError, OutputError
from studio.job import Job

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
ENDED: Final = ("done", "failed", "cancelled", "interrupted")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, state TEXT NOT NULL, place REAL NOT NULL, created REAL NOT NULL,
  job TEXT NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL,
  problem TEXT NOT NULL DEFAULT '', stop INTEGER NOT NULL DEFAULT 0
);
DROP INDEX IF EXISTS runs_by_state;
CREATE INDEX IF NOT EXISTS runs_in_line ON runs (state, owner, place, id);
CREATE INDEX IF NOT EXISTS runs_by_time ON runs (created);
CREATE TABLE IF NOT EXISTS pictures (
  run TEXT NOT NULL REFERENCES runs (id), number INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (run, number)
);
"""
_IN_LINE_ANEW: Final = """
UPDATE runs SET place = line.n FROM
  (SELECT id, row_number() OVER (ORDER BY place) AS n FROM runs WHERE state = 'queued' AND owner = ?) AS line
WHERE runs.id = line.id
"""
_COLUMNS: Final = "id, owner, state, created, job, folder, name, problem"


@dataclass(frozen=True)
class Row:
    """One run as the file holds it; ``asked`` is its job, read only when somebody wants it."""

    id: str
    owner: str
    state: State
    created: float
    asked: str
    folder: Path
    name: str
    problem: str

    @cached_property
    def job(self) -> Job:
        return Job.model_validate(json.loads(self.asked))


class Queue:
    """The queue's file, opened by one process. Its calls may come from any thread."""

    def __init__(self, file: Path) -> None:
        self.owner = secrets.token_hex(6)
        self._owners = file.parent / "owners"
        try:
            private.state_folder(file.parent)
            private.folder(self._owners)
            self._alive = FileLock(self._owners / f"{self.owner}.lock", mode=0o600)
            self._alive.acquire()
            private.file(file)
            self._db = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"the queue '{file}' cannot be used ({error}); move it away, or set STUDIO_STATE to another folder"
            ) from None
        self._lock = threading.RLock()
        self._adopt()

    def _ask(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _adopt(self) -> None:
        """Take over from processes that have died: what ran is interrupted, what waited waits here."""
        for (owner,) in self._ask("SELECT DISTINCT owner FROM runs WHERE state IN ('queued', 'running')"):
            with self._dead(str(owner)) as dead:
                if dead:
                    self._ask("UPDATE runs SET state = 'interrupted' WHERE owner = ? AND state = 'running'", owner)
                    self._ask("UPDATE runs SET owner = ? WHERE owner = ? AND state = 'queued'", self.owner, owner)

    @contextmanager
    def _dead(self, owner: str) -> Iterator[bool]:
        if owner == self.owner:
            yield False
            return
        lock = FileLock(self._owners / f"{owner}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)

    def add(self, job: Job, folder: Path, name: str) -> str:
        """A new run at the end of the queue; returns its id."""
        run, now = secrets.token_hex(8), time.time()
        values = (run, self.owner, now, now, job.model_dump_json(), str(folder.absolute()), name)
        self._ask(
            "INSERT INTO runs (id, owner, state, place, created, job, folder, name) "
            "VALUES (?, ?, 'queued', ?, ?, ?, ?, ?)",
            *values,
        )
        return run

    def next(self) -> Row | None:
        """The first of this process's waiting runs, now marked as running."""
        rows = self._ask(
            f"UPDATE runs SET state = 'running', stop = 0 WHERE id = (SELECT id FROM runs WHERE state = 'queued' "  # noqa: S608
            f"AND owner = ? ORDER BY place LIMIT 1) RETURNING {_COLUMNS}",
            self.owner,
        )
        return _row(rows[0]) if rows else None

    def row(self, run: str) -> Row:
        """One run; raises InputError where there is none of this id."""
        rows = self._ask(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", run)  # noqa: S608
        if not rows:
            raise InputError(f"there is no run '{run}'")
        return _row(rows[0])

    def rows(self, most: int = 1000) -> list[Row]:
        """The newest runs, newest first."""
        return [_row(r) for r in self._ask(f"SELECT {_COLUMNS} FROM runs ORDER BY created DESC LIMIT ?", most)]  # noqa: S608

    def waiting(self) -> list[str]:
        """The ids of this process's waiting runs, the next one first."""
        rows = self._ask("SELECT id FROM runs WHERE state = 'queued' AND owner = ? ORDER BY place", self.owner)
        return [str(run) for (run,) in rows]

    def move(self, run: str, to: int) -> None:
        """Put a waiting run at place ``to`` (0 is next); one that no longer waits stays as it is."""
        with self._lock:
            place = self._between(run, max(0, to))
            if place is None:  # two neighbours so near that no number lies between
                self._ask(_IN_LINE_ANEW, self.owner)
                place = self._between(run, max(0, to))
            self._ask("UPDATE runs SET place = ? WHERE id = ? AND state = 'queued'", place, run)

    def _between(self, run: str, to: int) -> float | None:
        """A place between the waiting runs ``to - 1`` and ``to``, ``run`` not counted; None where there is none."""
        rows = self._ask(
            "SELECT place FROM runs WHERE state = 'queued' AND owner = ? AND id != ? ORDER BY place LIMIT 2 OFFSET ?",
            self.owner,
            run,
            max(0, to - 1),
        )
        places = [float(str(place)) for (place,) in rows]
        if to == 0:
            return places[0] - 1 if places else time.time()
        if len(places) < 2:
            return time.time()
        middle = (places[0] + places[1]) / 2
        return middle if places[0] < middle < places[1] else None

    def ask_to_stop(self, run: str) -> bool:
        """Cancel a waiting run at once (True), or ask the process that runs it to stop (False)."""
        gone = self._ask("UPDATE runs SET state = 'cancelled' WHERE id = ? AND state = 'queued' RETURNING id", run)
        self._ask("UPDATE runs SET stop = 1 WHERE id = ? AND state = 'running'", run)
        return bool(gone)

    def asked_to_stop(self, run: str) -> bool:
        """Whether any process wants this run to stop."""
        return bool(self._ask("SELECT 1 FROM runs WHERE id = ? AND stop = 1", run))

    def again(self, run: str) -> bool:
        """Queue an ended, unfinished run once more, for what is missing; False where it is not one."""
        return bool(
            self._ask(
                "UPDATE runs SET state = 'queued', owner = ?, place = ?, problem = '', stop = 0 "
                "WHERE id = ? AND state IN ('failed', 'cancelled', 'interrupted') RETURNING id",
                self.owner,
                time.time(),
                run,
            )
        )

    def end(self, run: str, state: State, problem: str = "") -> None:
        """A run is over."""
        self._ask("UPDATE runs SET state = ?, problem = ? WHERE id = ?", state, problem, run)

    def keep(self, run: str, number: int, path: Path) -> None:
        """Picture ``number`` (from 0) of a run is the file ``path``."""
        self._ask("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?)", run, number, str(path.absolute()))

    def pictures(self, run: str) -> dict[int, Path]:
        """A run's finished pictures by number; those whose files are gone are left out."""
        rows = self._ask("SELECT number, path FROM pictures WHERE run = ? ORDER BY number", run)
        return {int(str(n)): Path(str(path)) for n, path in rows if Path(str(path)).is_file()}

    def close(self) -> None:
        """Let go of the file. What still waits goes to whoever opens it next."""
        with self._lock:
            self._db.close()
        self._alive.release()


def _row(values: tuple[object, ...]) -> Row:
    run, owner, state, created, job, folder, name, problem = values
    return Row(
        str(run), str(owner), state, float(str(created)),  # type: ignore[arg-type]
        str(job), Path(str(folder)), str(name), str(problem),
    )  # fmt: skip
