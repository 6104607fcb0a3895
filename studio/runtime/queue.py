"""The durable queue: every run, whether of a job or of a batch, its state and its pictures' files, in one SQLite file.

Several processes may share the file. Each holds a lock while it lives, so that a free lock shows which processes have
died. A run whose job this version cannot read is set aside as "unreadable", and waits again in the first version that
can. The order of runs never depends on the wall clock.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from filelock import FileLock, Timeout

from studio.errors import InputError, QueueError
from studio.files import private
from studio.runtime.queue_file import QueueFile
from studio.workflow.job import Job

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted", "unreadable"]
Kind = Literal["job", "batch"]
ENDED: Final = ("done", "failed", "cancelled", "interrupted", "unreadable")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, state TEXT NOT NULL, place REAL NOT NULL, created REAL NOT NULL,
  job TEXT NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL,
  problem TEXT NOT NULL DEFAULT '', stop INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
  kind TEXT NOT NULL DEFAULT 'job'
);
DROP INDEX IF EXISTS runs_by_state;
DROP INDEX IF EXISTS runs_by_time;
CREATE INDEX IF NOT EXISTS runs_in_line ON runs (state, owner, place, id);
CREATE TABLE IF NOT EXISTS pictures (
  run TEXT NOT NULL REFERENCES runs (id), number INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (run, number)
);
"""
_MIGRATIONS: Final = {  # by the column that a file of an earlier version lacks
    "tries": (
        "ALTER TABLE runs ADD COLUMN tries INTEGER NOT NULL DEFAULT 0",
        "UPDATE runs SET tries = 1 WHERE state != 'queued' OR id IN (SELECT run FROM pictures)",
    ),
    "kind": ("ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'job'",),
}
_BATCHES: Final = "CREATE INDEX IF NOT EXISTS batches ON runs (folder) WHERE kind = 'batch'"
_LAST: Final = """
1 + max(coalesce((SELECT max(rowid) FROM runs), 0),
        coalesce((SELECT max(place) FROM runs WHERE state = 'queued' AND owner = ?), 0))
"""
_IN_LINE_ANEW: Final = """
UPDATE runs SET place = line.n FROM
  (SELECT id, row_number() OVER (ORDER BY place, rowid) AS n FROM runs WHERE state = 'queued' AND owner = ?) AS line
WHERE runs.id = line.id
"""
_COLUMNS: Final = "id, owner, state, created, job, folder, name, problem, tries, kind"
_WAITING: Final = "state = 'queued' AND owner = ? AND kind = ?"


@dataclass(frozen=True)
class QueueEntry:
    """One run as the file holds it. ``payload`` is its job in JSON, parsed only when it is needed, or the options of
    the batch in ``folder``.

    ``tries`` is how often it was begun.
    """

    id: str
    owner: str
    state: State
    created: float
    payload: str
    folder: Path
    name: str
    problem: str
    tries: int = 0
    kind: Kind = "job"

    @cached_property
    def job(self) -> Job:
        """The job; raises InputError if this version cannot read it."""
        job = Job.from_json(self.payload)
        try:
            _ = job.total
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(f"this is not a job the studio can read: {type(error).__name__} {error}") from None
        return job

    @cached_property
    def unreadable(self) -> str:
        """Why this version cannot read the job, in one line; empty if it can."""
        if self.kind == "batch":
            return ""
        try:
            _ = self.job
        except InputError as error:
            return f"it was queued by another version of the studio and is kept for that one: {error}"
        return ""


class Queue:
    """The queue's file, opened by one process at its first use. Its calls may come from any thread.

    Each raises QueueError while the file cannot be used; its content is kept, and the next call tries again.
    """

    def __init__(self, file: Path) -> None:
        self.owner = secrets.token_hex(6)
        self._owners = file.parent / "owners"
        self._alive = FileLock(self._owners / f"{self.owner}.lock", thread_local=False, mode=0o600)
        self._file = QueueFile(file, _SCHEMA, self._begin)
        self._adopted = False
        self._kinds: set[Kind] = {"job"}

    def _begin(self) -> None:
        """Lock this process's file, migrate a queue of an earlier version, and take over from dead processes."""
        private.folder(self._owners)
        if not self._alive.is_locked:
            self._alive.acquire(timeout=0)
        there = {name for _, name, *_ in self._file.ask("PRAGMA table_info(runs)")}
        for column, statements in _MIGRATIONS.items():
            for sql in statements if column not in there else ():
                self._file.ask(sql)
        with suppress(QueueError):  # on a full disk the queue can still be read; ``next`` tries again
            self._file.ask(_BATCHES)
            self._adopt()

    def _adopt(self) -> None:
        """Take over from processes that have died: what ran is interrupted, what waited waits here, if it is of a kind
        that this process makes.

        What was set aside and can be read by this version waits here too.
        """
        for (owner,) in self._file.ask("SELECT DISTINCT owner FROM runs WHERE state IN ('queued', 'running')"):
            with self._dead(str(owner)) as dead:
                if dead:
                    self._file.ask("UPDATE runs SET state = 'interrupted' WHERE owner = ? AND state = 'running'", owner)
                    for kind in self._kinds:
                        self._file.ask(f"UPDATE runs SET owner = ? WHERE {_WAITING}", self.owner, owner, kind)  # noqa: S608
        waits = "UPDATE runs SET state = 'queued', problem = '', owner = ? WHERE id = ? AND state = 'unreadable'"
        for row in self._rows("WHERE state = 'unreadable'"):
            if row.kind in self._kinds and not row.unreadable:
                self._file.ask(waits, self.owner, row.id)
        self._adopted = True

    @contextmanager
    def _dead(self, owner: str) -> Iterator[bool]:
        if owner == self.owner:
            yield False
            return
        lock = FileLock(self._owners / f"{owner}.lock")
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError, ValueError):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()
            with suppress(OSError):
                Path(lock.lock_file).unlink(missing_ok=True)

    def accept(self, kind: Kind) -> None:
        """This process makes runs of another kind too, also those that a dead process left waiting."""
        self._kinds.add(kind)
        self._adopted = False

    def add(self, job: Job, folder: Path, name: str) -> str:
        """A new run at the end of the queue; returns its id."""
        run = secrets.token_hex(8)
        values = (run, self.owner, self.owner, time.time(), job.model_dump_json(), str(folder.absolute()), name)
        self._file.ask(
            "INSERT INTO runs (id, owner, state, place, created, job, folder, name) "  # noqa: S608
            f"VALUES (?, ?, 'queued', {_LAST}, ?, ?, ?, ?)",
            *values,
        )
        return run

    def add_batch(self, folder: Path, options: str) -> None:
        """The batch in a folder at the end of the queue, unless it waits or runs already."""
        self._adopt()  # or a process that has died would seem to run it
        self._file.ask(
            "INSERT INTO runs (id, owner, kind, state, place, created, job, folder, name) "  # noqa: S608
            f"SELECT ?, ?, 'batch', 'queued', {_LAST}, ?, ?, ?, '' WHERE NOT EXISTS "
            "(SELECT 1 FROM runs WHERE kind = 'batch' AND folder = ? AND state IN ('queued', 'running'))",
            *(secrets.token_hex(8), self.owner, self.owner, time.time(), options),
            *(str(folder.absolute()), str(folder.absolute())),
        )

    def batch(self, folder: Path) -> QueueEntry | None:
        """The newest run of the batch in a folder."""
        which = "WHERE kind = 'batch' AND folder = ? ORDER BY rowid DESC LIMIT 1"
        return next(iter(self._rows(which, str(folder.absolute()))), None)

    def next(self, kind: Kind = "job") -> QueueEntry | None:
        """The first of this process's waiting runs of a kind, now marked as running. Jobs that cannot be read are set
        aside."""
        if not self._adopted:
            self._adopt()
        while rows := self._rows(f"WHERE {_WAITING} ORDER BY place, rowid LIMIT 1", self.owner, kind):
            first = rows[0]
            if first.unreadable:
                aside = "UPDATE runs SET state = 'unreadable', problem = ? WHERE id = ? AND state = 'queued'"
                self._file.ask(aside, first.unreadable, first.id)
                continue
            taken = self._file.ask(
                "UPDATE runs SET state = 'running', stop = 0, tries = tries + 1 "  # noqa: S608
                f"WHERE id = ? AND {_WAITING} RETURNING {_COLUMNS}",
                first.id,
                self.owner,
                kind,
            )
            if taken:
                return _row(taken[0])
        return None

    def row(self, run: str) -> QueueEntry:
        """One run; raises InputError if there is none with this id."""
        rows = self._rows("WHERE id = ?", run)
        if not rows:
            raise InputError(f"there is no run '{run}'")
        return rows[0]

    def rows(self, most: int = 1000) -> list[QueueEntry]:
        """The newest jobs, newest first."""
        return self._rows("WHERE kind = 'job' ORDER BY rowid DESC LIMIT ?", most)

    def running(self) -> list[str]:
        """The ids of all jobs that are running, in any process."""
        sql = "SELECT id FROM runs WHERE state = 'running' AND kind = 'job' ORDER BY rowid"
        return [str(run) for (run,) in self._file.ask(sql)]

    def _rows(self, which: str, *values: object) -> list[QueueEntry]:
        return [_row(found) for found in self._file.ask(f"SELECT {_COLUMNS} FROM runs {which}", *values)]  # noqa: S608

    def waiting(self, kind: Kind = "job") -> list[str]:
        """The ids of this process's waiting runs of a kind, the next one first."""
        rows = self._file.ask(f"SELECT id FROM runs WHERE {_WAITING} ORDER BY place, rowid", self.owner, kind)  # noqa: S608
        return [str(run) for (run,) in rows]

    def move(self, run: str, to: int) -> None:
        """Move a waiting job to place ``to`` (0 is next); a job that no longer waits is left as it is."""
        with self._file.together():
            place = self._between(run, max(0, to))
            if place is None:  # two neighbours so close that no number lies between
                self._file.ask(_IN_LINE_ANEW, self.owner)
                place = self._between(run, max(0, to))
            self._file.ask("UPDATE runs SET place = ? WHERE id = ? AND state = 'queued'", place, run)

    def _between(self, run: str, to: int) -> float | None:
        """A place between the waiting runs ``to - 1`` and ``to``, ``run`` not counted; None if there is none."""
        rows = self._file.ask(
            f"SELECT place FROM runs WHERE {_WAITING} AND id != ? ORDER BY place, rowid LIMIT 2 OFFSET ?",  # noqa: S608
            self.owner,
            "job",
            run,
            max(0, to - 1),
        )
        places = [_number(place) for (place,) in rows]
        if to == 0 and places:
            return places[0] - 1
        if to == 0 or len(places) < 2:
            ((last,),) = self._file.ask(f"SELECT {_LAST}", self.owner)
            return _number(last)
        middle = (places[0] + places[1]) / 2
        return middle if places[0] < middle < places[1] else None

    def ask_to_stop(self, run: str) -> bool:
        """Cancel a waiting run at once (True), or ask the process that runs it to stop (False)."""
        gone = self._file.ask("UPDATE runs SET state = 'cancelled' WHERE id = ? AND state = 'queued' RETURNING id", run)
        self._file.ask("UPDATE runs SET stop = 1 WHERE id = ? AND state = 'running'", run)
        return bool(gone)

    def asked_to_stop(self, run: str) -> bool:
        """Whether any process has asked this run to stop."""
        return bool(self._file.ask("SELECT 1 FROM runs WHERE id = ? AND stop = 1", run))

    def again(self, run: str) -> bool:
        """Queue an unfinished run again, for what is missing; False if it waits, runs or is done."""
        return bool(
            self._file.ask(
                f"UPDATE runs SET state = 'queued', owner = ?, place = {_LAST}, problem = '', stop = 0 "  # noqa: S608
                "WHERE id = ? AND state IN ('failed', 'cancelled', 'interrupted') RETURNING id",
                self.owner,
                self.owner,
                run,
            )
        )

    def end(self, run: str, state: State, problem: str = "") -> None:
        """Record how a run ended."""
        self._file.ask("UPDATE runs SET state = ?, problem = ? WHERE id = ?", state, problem, run)

    def keep(self, run: str, number: int, path: Path) -> None:
        """Picture ``number`` (from 0) of a run is the file ``path``."""
        self._file.ask("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?)", run, number, str(path.absolute()))

    def pictures(self, run: str) -> dict[int, Path]:
        """A run's finished pictures by number, except those whose files are gone."""
        rows = self._file.ask("SELECT number, path FROM pictures WHERE run = ? ORDER BY number", run)
        return {n: Path(path) for n, path in rows if isinstance(n, int) and isinstance(path, str) and _is_file(path)}

    def is_of_another(self, path: Path, run: str) -> bool:
        """Whether a file is a picture of another run."""
        return bool(self._file.ask("SELECT 1 FROM pictures WHERE path = ? AND run != ?", str(path.absolute()), run))

    def close(self) -> None:
        """Close the file. Waiting runs go to the next process that opens it."""
        self._file.close()
        self._alive.release()


def _row(values: tuple[Any, ...]) -> QueueEntry:
    run, owner, state, created, payload, folder, name, problem, tries, kind = values
    return QueueEntry(
        str(run), str(owner), state, _number(created),
        str(payload), Path(str(folder)), str(name), str(problem), int(_number(tries)), kind,
    )  # fmt: skip


def _number(value: object) -> float:
    """A number; 0 if another version wrote something else."""
    return float(value) if isinstance(value, int | float) else 0.0


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name too long for any disk
        return False
