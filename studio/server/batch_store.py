"""The batches of a server. Each is a folder, and the files in it are the truth about what is made.

    batches/spring-catalogue/           pictures, manifest and contact sheet, as ``studio batch`` makes them
    batches/spring-catalogue/.studio/   the table as it was uploaded, and batch.json: what is to be made of it

The session's queue knows which batches wait or run. When a server is killed, those that waited go on with the next one,
and the one that ran is interrupted and can be resumed.
"""

import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from secrets import randbelow
from tempfile import mkdtemp
from typing import Final

from pydantic import Field, ValidationError

from studio.batches import manifest
from studio.batches.batch import Batch
from studio.batches.manifest_row import ManifestRow
from studio.batches.tables import files
from studio.batches.task import Task
from studio.batches.tasks import ALONE
from studio.errors import InputError
from studio.files.untrusted import exists, is_file, is_folder, resolved
from studio.pictures import file_names, publish
from studio.pictures.publish import output_errors
from studio.runtime.events import Done, Event, Failed, Loading, RunCancelled, Watch
from studio.runtime.queue import QueueEntry
from studio.runtime.run_handle import Run, ended
from studio.runtime.session import Session
from studio.server.batch_request import BatchDraft, BatchRequest, ending
from studio.server.batch_run import BatchOptions, run_batch
from studio.ui import uploads

_HOME, _OWN, _FILE = "batches", ".studio", "batch.json"
_SEEDS: Final = 2**32
_CACHED: Final = 3  # batches whose tasks are cached
_Key = tuple[object, ...]
"""A batch's name and the new seeds of its pictures, which its tasks depend on."""


class StoredBatch(BatchRequest):
    """What batch.json holds: the request, the batch's name as written, its table's file, how many pictures it has, and
    new ``seeds`` of pictures that are made again, by the key of the task before."""

    title: str
    table: str
    pictures: int
    begun: float
    seeds: dict[str, int] = Field({})


@dataclass(frozen=True)
class BatchStatus:
    """The state of a batch in its ``folder``. ``entries`` are the rows of its manifest, by the tasks' keys; ``run`` is
    its newest run, and ``queued`` what the queue says of that."""

    name: str
    folder: Path
    stored: StoredBatch
    entries: dict[str, ManifestRow]
    run: Run | None
    queued: QueueEntry | None

    def count(self, *statuses: str) -> int:
        """How many pictures are "made", "failed" or "blocked"."""
        return min(self.stored.pictures, sum(entry.status in statuses for entry in self.entries.values()))

    @property
    def left(self) -> int:
        """How many pictures have not been tried yet."""
        return max(0, self.stored.pictures - len(self.entries))

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.queued is not None and self.queued.state in ("queued", "running")

    @property
    def problem(self) -> str:
        """Why its newest run failed; empty otherwise."""
        return self.queued.problem if self.queued and self.queued.state == "failed" else ""

    @property
    def state(self) -> str:
        """ "waiting" for another batch, "running", "stopped" with pictures left, or "done"."""
        if self.queued and self.active:
            return "waiting" if self.queued.state == "queued" else "running"
        return "stopped" if self.left or self.problem else "done"

    def follow(self, listener: Watch) -> Callable[[], None]:
        """Call ``listener`` with the present state and every later event; returns how to end that."""
        if self.run and self.active:
            return self.run.follow(listener)
        listener(Failed(self.problem) if self.problem else RunCancelled() if self.left else Done())
        return lambda: None

    def ended(self) -> Event | None:
        """How its newest run ended, also in another process; None if it has not."""
        return ended(self.run) if self.run else None


class BatchStore:
    """The batches in a session's output folder. The session makes one after another, in a thread of its own; between
    two pictures a job may use the device."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._output = session.settings.output.absolute()
        self._lock = threading.Lock()
        self._batches: OrderedDict[_Key, Batch] = OrderedDict()
        session.accept_batches(self._run)

    def names(self) -> list[str]:
        """All batches, newest first; those that cannot be read are left out and logged."""
        home, begun = self._output / _HOME, dict[str, float]()
        for path in home.iterdir() if is_folder(home) else ():
            try:
                begun |= {path.name: self.stored(path.name).begun} if self._is_one(path.name) else {}
            except InputError as error:
                getLogger("studio").warning("%s", error)
        return sorted(begun, key=lambda name: begun[name], reverse=True)

    def folder(self, name: str) -> Path:
        """A batch's folder; raises InputError if there is no such batch."""
        if not self._is_one(name):
            raise InputError(f"there is no batch '{name}'")
        return self._output / _HOME / name

    def stored(self, name: str) -> StoredBatch:
        """A batch's batch.json; raises InputError if it cannot be read."""
        path = self.folder(name) / _OWN / _FILE
        try:
            return StoredBatch.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            said = f"'{_HOME}/{name}/{_OWN}/{_FILE}' is damaged; put it back as it was, or move the batch elsewhere"
            raise InputError(said) from None

    def begin(self, title: str, draft: BatchDraft, content: bytes, file: str) -> str:
        """Store the request in a new folder and start it; returns the batch's name.

        Raises InputError if anything is wrong, or there is a batch with that name.
        """
        batch, name = draft.checked(), _slug(title)
        table = f"table{ending(file)}" if content else ""
        pictures = len({task.key for task in batch.tasks})
        request = draft.explicit().model_dump()
        stored = StoredBatch(**request, title=title.strip(), table=table, pictures=pictures, begun=time.time())
        _store(self._output / _HOME / name, stored, content)
        self._cache((name,), batch)
        self.go(name)
        return name

    def go(self, name: str, *, retry: bool = False, only: str = "") -> None:
        """Make what is missing, with ``retry`` what has failed, with ``only`` the picture of that key. A batch that
        waits or runs already is left as it is."""
        self._session.submit_batch(self.folder(name), BatchOptions(retry=retry, only=only).model_dump_json())

    def redo(self, name: str, key: str) -> None:
        """Make one picture again: with another seed if it is made, unchanged if it failed. No file is lost.

        Raises InputError if the batch waits or runs, or has no such picture.
        """
        status = self.status(name)
        if status.active:
            raise InputError("this batch is running; stop it first, or wait until it is done")
        task = next((task for task in self.batch(name).tasks if task.key == key), None)
        if task is None:
            raise InputError("this batch has no such picture")
        entry = status.entries.get(key)
        self.go(name, only=self._reseed(status, task) if entry and entry.status == "made" else key)

    def _reseed(self, status: BatchStatus, task: Task) -> str:
        """Store another seed for a task; returns its new key."""
        again = task.with_seed(randbelow(_SEEDS))
        stored = status.stored.model_copy(update={"seeds": {**status.stored.seeds, task.key: again.job.seed}})
        publish.replace(status.folder / _OWN / _FILE, stored.model_dump_json(indent=1).encode())
        return again.key

    def stop(self, name: str) -> None:
        """Stop within a step; finished pictures are kept."""
        if entry := self._session.batch(self.folder(name)):
            self._session.cancel(entry.id)

    def status(self, name: str) -> BatchStatus:
        """The status of a batch."""
        folder = self.folder(name)
        queued = self._session.batch(folder)  # read first: what the manifest gains meanwhile belongs to a running batch
        entries = {line.key: line for line in manifest.lines(folder)}
        stored, there = self.stored(name), dict[str, ManifestRow]()
        for key, line in entries.items():
            gone = line.status == "made" and not is_file(folder / line.file)
            if not gone and line.status != "skipped" and key not in stored.seeds:
                there[key] = line
        return BatchStatus(name, folder, stored, there, Run(queued.id, self._session) if queued else None, queued)

    def batch(self, name: str, check_cancelled: Callable[[], None] = lambda: None) -> Batch:
        """A batch with its tasks; raises InputError if they cannot be made any more, for example without a model.

        ``check_cancelled`` is called repeatedly while the tasks are made; what it raises ends that.
        """
        stored, own = self.stored(name), self.folder(name) / _OWN
        key = (name, *stored.seeds.items())
        if (found := self._batches.get(key)) is None:
            table = files.read(own / stored.table, stored.encoding) if stored.table else ALONE
            found = (
                BatchDraft(stored, table, self._session.settings, check_cancelled).checked().with_seeds(stored.seeds)
            )
        self._cache(key, found)
        return found

    def _is_one(self, name: str) -> bool:
        return bool(name) and uploads.contained(self._output, f"{_HOME}/{name}/{_OWN}/{_FILE}") == (
            resolved(self._output) / _HOME / name / _OWN / _FILE
        )

    def _cache(self, key: _Key, batch: Batch) -> None:
        with self._lock:
            self._batches[key] = batch
            self._batches.move_to_end(key)
            while len(self._batches) > _CACHED:
                self._batches.popitem(last=False)

    def _run(self, entry: QueueEntry, publish: Watch, stopped: Callable[[], bool]) -> None:
        """Make a batch of the queue."""
        publish(Loading(""))
        name = entry.folder.name
        if self.folder(name) != entry.folder:
            raise InputError(f"the batch in '{entry.folder}' belongs to another output folder; start it from there")
        options = BatchOptions.model_validate_json(entry.payload)
        run_batch(self.batch(name), entry.folder, options, self._session.local, publish, stopped)


def _slug(title: str) -> str:
    """The folder's name for a batch's name; raises InputError for one without a letter or digit."""
    if not any(letter.isalnum() for letter in title):
        raise InputError.about("name", "give the batch a name, with letters or digits")
    return file_names.fill("{name}", {"name": title.lower()}, "batch")  # many disks ignore case


def _store(folder: Path, stored: StoredBatch, content: bytes) -> None:
    """Put table and batch.json into the folder, both or neither; raises InputError if there is another batch."""
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix=f"{_OWN}-", dir=folder))
        try:
            if content:
                (made / stored.table).write_bytes(content)
            (made / _FILE).write_text(stored.model_dump_json(indent=1), "utf-8")
            _rename(made, folder / _OWN, stored.title)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _rename(made: Path, own: Path, title: str) -> None:
    try:
        made.rename(own)
    except OSError:
        if not exists(own):
            raise
        raise InputError.about("name", f"a batch '{title}' is there already; open it, or choose another name") from None
