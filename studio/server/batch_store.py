"""Where a server's batches lie and run: each is a folder, and what is in it says how it stands.

    batches/spring-catalogue/           pictures, manifest and contact sheet, as ``studio batch`` makes them
    batches/spring-catalogue/.studio/   the table as it came, and batch.json: what is to be made of it

So a batch whose server was killed is there when the next one starts, and goes on when somebody says so.
"""

import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from secrets import randbelow
from tempfile import mkdtemp
from typing import Final

from pydantic import Field, ValidationError

from studio.batches import manifest
from studio.batches.batch import Batch
from studio.batches.manifest_row import Entry
from studio.batches.run_batch import fill
from studio.batches.tables import files
from studio.batches.task import Task
from studio.batches.tasks import ALONE
from studio.errors import Cancelled, InputError, StudioError
from studio.files.untrusted import exists, is_file, is_folder, resolved
from studio.pictures import file_names, publish
from studio.pictures.publish import reached
from studio.runtime.events import Cancelled as Stopped
from studio.runtime.events import Done, Event, Failed, Loading
from studio.runtime.session import Session
from studio.server.batch_request import Asked, Reading, ending
from studio.server.batch_run import Telling, Work
from studio.ui import uploads

_HOME, _OWN, _FILE = "batches", ".studio", "batch.json"
_SEEDS: Final = 2**32
_AT_HAND: Final = 3  # batches whose tasks are kept in memory


class Kept(Asked):
    """What is kept of a batch: what was asked for, its name as written, its table's file, how many pictures it has, and
    the ``seeds`` of those that are made again, by the keys of those before them."""

    title: str
    table: str
    pictures: int
    begun: float
    seeds: dict[str, int] = Field({})


@dataclass(frozen=True)
class Look:
    """How a batch stands in its ``folder``. ``entries`` are what its manifest says, by the tasks' keys; ``work`` is
    there while it waits or runs, ``problem`` is what ended it last."""

    name: str
    folder: Path
    kept: Kept
    entries: dict[str, Entry]
    work: Work | None
    problem: str

    def count(self, *status: str) -> int:
        """How many pictures are "made", "failed" or "blocked"."""
        return min(self.kept.pictures, sum(entry.status in status for entry in self.entries.values()))

    @property
    def left(self) -> int:
        """Pictures that nobody has tried yet."""
        return max(0, self.kept.pictures - len(self.entries))

    @property
    def state(self) -> str:
        """ "waiting" for another batch, "running", "stopped" with pictures left, or "done"."""
        if self.work:
            return "waiting" if self.work.present.name == "queued" else "running"
        return "stopped" if self.left or self.problem else "done"

    def follow(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """As ``Work.follow``; of a batch that is not at work it tells how it ended."""
        if self.work:
            return self.work.follow(listener)
        listener(Failed(self.problem) if self.problem else Stopped() if self.left else Done())
        return lambda: None


class Desk:
    """Fills one batch after another on a thread of its own; between two pictures the queue may have the device."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._output = session.settings.output.absolute()
        self._thread = ThreadPoolExecutor(1, "batches")
        self._lock = threading.Lock()
        self._works: dict[str, Work] = {}
        self._problems: dict[str, str] = {}
        self._batches: OrderedDict[str, Batch] = OrderedDict()

    def names(self) -> list[str]:
        """All batches there are, newest first; those that cannot be read are left out, and logged."""
        home, begun = self._output / _HOME, dict[str, float]()
        for path in home.iterdir() if is_folder(home) else ():
            try:
                begun |= {path.name: self.kept(path.name).begun} if self._is_one(path.name) else {}
            except InputError as error:
                getLogger("studio").warning("%s", error)
        return sorted(begun, key=lambda name: begun[name], reverse=True)

    def folder(self, name: str) -> Path:
        """A batch's folder; raises InputError where there is no such batch."""
        if not self._is_one(name):
            raise InputError(f"there is no batch '{name}'")
        return self._output / _HOME / name

    def kept(self, name: str) -> Kept:
        """What was asked for; raises InputError where that cannot be read."""
        path = self.folder(name) / _OWN / _FILE
        try:
            return Kept.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            said = f"'{_HOME}/{name}/{_OWN}/{_FILE}' is damaged; put it back as it was, or move the batch elsewhere"
            raise InputError(said) from None

    def begin(self, title: str, reading: Reading, content: bytes, file: str) -> str:
        """Keep what was asked for in a new folder and start it; returns its name.

        Raises InputError where anything is wrong, or a batch of that name is there.
        """
        batch, name = reading.checked(), _slug(title)
        table = f"table{ending(file)}" if content else ""
        pictures = len({task.key for task in batch.tasks})
        asked = reading.settled().model_dump()
        kept = Kept(**asked, title=title.strip(), table=table, pictures=pictures, begun=time.time())
        _keep(self._output / _HOME / name, kept, content)
        self._remember(name, batch)
        self.go(name)
        return name

    def go(self, name: str, *, retry: bool = False, only: str = "") -> None:
        """Make what is missing, with ``retry`` what has failed, with ``only`` the picture of that key; nothing where it
        is at it already."""
        self.folder(name)
        with self._lock:
            if name not in self._works:
                self._problems.pop(name, None)
                work = self._works[name] = Work()
                work.turn = self._thread.submit(self._fill, name, work, retry, only)

    def redo(self, name: str, key: str) -> None:
        """Make one picture again: with another seed where it is made, as it was where it failed. No file is lost.

        Raises InputError where the batch is at work, or has no such picture.
        """
        look = self.look(name)
        if look.work:
            raise InputError("this batch is at work; stop it first, or wait until it is done")
        task = next((task for task in self.batch(name).tasks if task.key == key), None)
        if task is None:
            raise InputError("this batch has no such picture")
        entry = look.entries.get(key)
        self.go(name, only=self._reseed(look, task) if entry and entry.status == "made" else key)

    def _reseed(self, look: Look, task: Task) -> str:
        """Keep another seed for a task; returns its new key."""
        again = task.with_seed(randbelow(_SEEDS))
        kept = look.kept.model_copy(update={"seeds": {**look.kept.seeds, task.key: again.job.seed}})
        publish.replace(look.folder / _OWN / _FILE, kept.model_dump_json(indent=1).encode())
        with self._lock:
            self._batches.pop(look.name, None)
        return again.key

    def stop(self, name: str) -> None:
        """Stop within a step; what is made stays."""
        self.folder(name)
        with self._lock:
            work = self._works.get(name)
            if work is None:
                return
            work.stop.set()
            if not (work.turn and work.turn.cancel()):
                return
            del self._works[name]  # its turn had not come
        work.tell(Stopped())

    def look(self, name: str) -> Look:
        """How a batch stands."""
        folder = self.folder(name)
        entries = {line.key: line for line in manifest.lines(folder)}
        kept, there = self.kept(name), dict[str, Entry]()
        for key, line in entries.items():
            gone = line.status == "made" and not is_file(folder / line.file)
            if not gone and line.status != "skipped" and key not in kept.seeds:
                there[key] = line
        return Look(name, folder, kept, there, self._works.get(name), self._problems.get(name, ""))

    def batch(self, name: str, going: Callable[[], None] = lambda: None) -> Batch:
        """Its tasks; raises InputError where they cannot be told any more, as when a model is gone.

        ``going`` is called now and then while they are worked out; what it raises ends that.
        """
        if (found := self._batches.get(name)) is None:
            kept, own = self.kept(name), self.folder(name) / _OWN
            table = files.read(own / kept.table, kept.encoding) if kept.table else ALONE
            found = Reading(kept, table, self._session.settings, going).checked().redone(kept.seeds)
        self._remember(name, found)
        return found

    def close(self) -> None:
        """Stop all within a step."""
        for work in list(self._works.values()):
            work.stop.set()
        self._thread.shutdown(cancel_futures=True)

    def _is_one(self, name: str) -> bool:
        return bool(name) and uploads.contained(self._output, f"{_HOME}/{name}/{_OWN}/{_FILE}") == (
            resolved(self._output) / _HOME / name / _OWN / _FILE
        )

    def _remember(self, name: str, batch: Batch) -> None:
        with self._lock:
            self._batches[name] = batch
            self._batches.move_to_end(name)
            while len(self._batches) > _AT_HAND:
                self._batches.popitem(last=False)

    def _fill(self, name: str, work: Work, retry: bool, only: str) -> None:
        """One batch from where it stands to its end; whatever happens, the next one is begun."""
        end = self._filled(name, work, retry, only)
        with self._lock:
            del self._works[name]
            if isinstance(end, Failed):
                self._problems[name] = end.problem
        work.tell(end)

    def _filled(self, name: str, work: Work, retry: bool, only: str) -> Event:
        try:
            work.tell(Loading(""))
            batch, executor = self.batch(name), Telling(self._session.local, work.tell)
            fill(batch, self.folder(name), executor, work.watch, retry, only=only)
        except Cancelled:
            return Stopped()
        except StudioError as error:
            return Failed(str(error))
        except BaseException as error:  # a mistake of ours, or of a step from elsewhere
            getLogger("studio").exception("batch %s", name)
            return Failed(f"{type(error).__name__}: {error}")
        return Done()


def _slug(title: str) -> str:
    """The folder's name for a batch's; raises InputError for one without a letter or digit."""
    if not any(letter.isalnum() for letter in title):
        raise InputError.about("name", "give the batch a name, with letters or digits")
    return file_names.fill("{name}", {"name": title.lower()}, "batch")  # two that differ in case are one on many disks


def _keep(folder: Path, kept: Kept, content: bytes) -> None:
    """Put table and batch.json into the folder, both or none; raises InputError where another batch is there."""
    with reached(folder):
        folder.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix=f"{_OWN}-", dir=folder))
        try:
            if content:
                (made / kept.table).write_bytes(content)
            (made / _FILE).write_text(kept.model_dump_json(indent=1), "utf-8")
            _rename(made, folder / _OWN, kept.title)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _rename(made: Path, own: Path, title: str) -> None:
    try:
        made.rename(own)
    except OSError:
        if not exists(own):
            raise
        raise InputError.about("name", f"a batch '{title}' is there already; open it, or choose another name") from None
