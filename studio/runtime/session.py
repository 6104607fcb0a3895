"""The one stateful object: holds loaded models, works through the queue, tells those who watch.

Surfaces submit jobs and subscribe; a closed tab or a restarted page changes nothing for the run.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from logging import getLogger
from pathlib import Path
from typing import Final

from studio.config import Settings
from studio.errors import InputError, QueueError, StudioError
from studio.gallery.gallery import Gallery
from studio.pictures import file_names
from studio.pictures.picture import Picture
from studio.runtime.event_hub import EventHub
from studio.runtime.events import Cancelled, Event, Loading, Queued, Stalled, Watch
from studio.runtime.executors.executor import Executor, run_job
from studio.runtime.executors.gallery import GalleryExecutor
from studio.runtime.executors.local import LocalExecutor
from studio.runtime.picture_request import PictureRequest, PictureResult
from studio.runtime.queue import Queue, QueueEntry
from studio.runtime.run_handle import Run, Status, ending
from studio.runtime.worker import Perform, Worker
from studio.workflow.job import Job
from studio.workflow.resolve import resolve

_PATIENCE: Final = 1.0  # seconds that a picture waits for others who write to the gallery's index


class Session:
    """Runs jobs one at a time on this machine, where models stay loaded between them.

    With another ``executor`` the queue runs on that one, as many runs at once as it has lanes.
    """

    def __init__(self, settings: Settings | None = None, executor: Executor | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self._device = LocalExecutor(self.settings)
        self._executor: Executor = executor or self._device
        self._hub = EventHub()
        self._runs = Queue(self.settings.state / "queue.sqlite")
        self._worker = Worker(self._runs, self._executor, self._hub, self._add_to_gallery)
        self._gallery: Gallery | None = None
        self._opening = threading.Lock()
        self._unlisted = False

    @property
    def gallery(self) -> Gallery:
        """All pictures in the output folder, and in every other that pictures were made into; opened at first use.

        Raises OutputError where its index cannot be used.
        """
        with self._opening:
            if self._gallery is None:
                self._gallery = Gallery(self.settings.state, [self.settings.output], _PATIENCE)
            return self._gallery

    def run(
        self,
        job: Job,
        *,
        out: Path | None = None,
        name: file_names.Name = file_names.DEFAULT,
        watch: Watch | None = None,
        listed: bool = True,
    ) -> Iterator[Picture]:
        """Make the job's pictures here and now, outside the queue, and yield each once its file is complete.

        ``out`` is the folder (the settings' own without it), ``name`` a template, or one picture's exact place
        below it, as in ``record.names``. ``watch`` hears of every step; what it raises stops the run within that
        step, and leaves no partial file. Wrong input is found before anything is written. ``listed`` is false
        for pictures that the gallery shall not have.
        """
        job, folder = job.with_wildcards(self.settings.wildcards), out or self.settings.output
        executor = self.local if listed else self._device
        for _, picture in run_job(executor, job, folder, name, watch or _ignore):
            yield picture

    def run_all(
        self, wanted: Iterable[PictureRequest], *, watch: Watch | None = None, todo: int | None = None
    ) -> Generator[PictureResult, None, None]:
        """Make the pictures of many jobs here and now, outside the queue; yield each with its picture once its file
        is complete, or with the error that tells why it has none.

        Where ``settings.batch`` allows, whole workflows go side by side and share forward passes, though their prompts
        differ. They come roughly in order. ``wanted`` is gone through as it is needed, on the device's thread;
        ``todo`` says how many there are, if that is known. ``watch`` hears of every step; what it raises, and closing
        the iterator, stops all within that step and leaves no partial file.
        """
        return self.local.execute(wanted, watch or _ignore, total=todo)

    @property
    def local(self) -> Executor:
        """The device of this machine. What it makes is put into the gallery."""
        return self.with_gallery(self._device)

    def with_gallery(self, executor: Executor) -> Executor:
        """Another executor whose pictures are put into this session's gallery."""
        return GalleryExecutor(executor, self._add_to_gallery, self._open_gallery)

    def submit(self, job: Job, *, out: Path | None = None, name: str = file_names.DEFAULT) -> Run:
        """Put a job at the end of the queue and return at once.

        Raises InputError for a wrong name template, a wildcard that is not there, or a model or picture that
        has changed; QueueError where the queue's disk takes nothing just now: nothing is queued then.
        """
        job = job.with_wildcards(self.settings.wildcards)
        resolve(job)
        file_names.check(name)
        run = self._queue.add(job, out or self.settings.output, name)
        self._worker.wake()
        return Run(run, self)

    def accept_batches(self, perform: Perform) -> None:
        """Make batches of the queue as well, one after another, beside the jobs; ``perform`` makes one."""
        self._worker.accept("batch", perform)

    def submit_batch(self, folder: Path, options: str) -> None:
        """Put the batch in a folder at the end of the queue, unless it waits or runs already."""
        self._queue.add_batch(folder, options)
        self._worker.wake()

    def batch(self, folder: Path) -> QueueEntry | None:
        """The newest run of the batch in a folder; None if the queue knows of none."""
        return self._queue.batch(folder)

    def find(self, run: str) -> Run:
        """The run of this id, of whenever; raises InputError where there is none."""
        return Run(self._queue.row(run).id, self)

    def runs(self, most: int = 1000) -> list[Run]:
        """What waits, runs and has been, newest first."""
        return [Run(row.id, self) for row in self._queue.rows(most)]

    def statuses(self, most: int = 1000) -> list[Status]:
        """How all of these stand."""
        rows = self._queue.rows(most)
        places = {run: place for place, run in enumerate(self._queue.waiting())}
        return [self._status(row, places) for row in rows]

    def running(self) -> list[Run]:
        """What is at work, in this process or another."""
        return [Run(run, self) for run in self._queue.running()]

    def move(self, run: str, to: int) -> None:
        """Give a waiting run place ``to`` in the queue; 0 is next."""
        self._queue.move(run, to)
        self._worker.wake()

    def close(self) -> None:
        """Stop within a step. The run at work is marked as interrupted; those that wait go on another time."""
        self._worker.close()
        self._device.close()
        self._executor.close()
        self._runs.close()
        if self._gallery:
            self._gallery.close()

    # What a Run asks of its session.

    def row(self, run: str) -> QueueEntry:
        """What the queue's file says of a run."""
        return self._queue.row(run)

    def status(self, run: str) -> Status:
        """How a run stands."""
        row = self._queue.row(run)
        waiting = self._queue.waiting(row.kind) if row.state == "queued" else []
        return self._status(row, {run: place for place, run in enumerate(waiting)})

    def pictures(self, run: str) -> list[Picture]:
        """A run's finished pictures."""
        return [Picture(path) for path in self._queue.pictures(run).values()]

    def present(self, run: str) -> Event | None:
        """The last that was told of where a run stands which is made here; None of any other."""
        return self._hub.present(run)

    def cancel(self, run: str) -> None:
        """Take a run out of the queue, or stop it within a step."""
        here = self._worker.stop(run)
        try:
            gone = self._queue.ask_to_stop(run)
        except QueueError:
            if not here:
                raise
            return
        if gone:
            self._hub.publish(run, Cancelled())
            self._worker.wake()

    def retry(self, run: str) -> None:
        """Queue an unfinished run again; only what is missing is made.

        Raises InputError where this version cannot read its job.
        """
        if why := self._queue.row(run).unreadable:
            raise InputError(why)
        if self._queue.again(run):
            self._worker.wake()

    def subscribe(self, run: str, listener: Watch) -> Callable[[], None]:
        """Hand every event of a run to ``listener``, first where it stands now; returns how to end that."""
        return self._hub.subscribe(run, listener, lambda: self._standing(run))

    def _standing(self, run: str) -> Event:
        """The present state as an event."""
        try:
            status = self.status(run)
        except QueueError as error:
            return Stalled(str(error))
        if over := ending(status.row):
            return over
        if status.stalled:
            return Stalled(status.stalled)
        if status.row.state == "queued":
            return Queued(status.place or 0)
        known = status.row.kind == "job" and not status.row.unreadable
        return self._hub.present(run) or Loading(", ".join(status.row.job.models() if known else ()))

    def _status(self, row: QueueEntry, places: dict[str, int]) -> Status:
        place = places.get(row.id, 0) if row.state == "queued" else None
        stalled = "" if ending(row) else self._worker.stalled
        return Status(row, place, self.pictures(row.id) if row.tries else [], stalled)

    @property
    def _queue(self) -> Queue:
        """The queue; from its first use on what waits in it is made, also what a dead process left."""
        self._worker.start()
        return self._runs

    def _add_to_gallery(self, picture: Picture) -> None:
        """Put a picture into the gallery. Where that fails it is a file all the same, and the next refresh finds it."""
        try:
            self.gallery.add(picture.path)
            self._unlisted = False
        except Exception as error:  # whatever it is, it must not fail a job whose picture is made
            self._warn_unlisted(error)

    def _open_gallery(self) -> None:
        """Say before pictures are made where the gallery cannot list them; they are made all the same."""
        try:
            self.gallery  # noqa: B018 opened at first use
        except StudioError as error:
            self._warn_unlisted(error)

    def _warn_unlisted(self, error: Exception) -> None:
        """Say that pictures are missing from the gallery; of several in a row, once."""
        if not self._unlisted:
            getLogger("studio").warning("pictures are not in the gallery yet, only in their folder: %s", error)
        self._unlisted = True


def _ignore(event: Event) -> None:
    """Nobody watches."""
