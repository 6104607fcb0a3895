"""The only stateful object: it holds the loaded models, runs the queue and publishes events.

Surfaces submit jobs and subscribe to events. Closing or reloading a page does not affect a run.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from logging import getLogger
from pathlib import Path
from typing import Final

from studio.config import Settings
from studio.errors import InputError, QueueError, StudioError
from studio.galleries.gallery import Gallery
from studio.library import Library
from studio.pictures import file_names
from studio.pictures.picture import Picture
from studio.runtime.event_hub import EventHub
from studio.runtime.events import Event, Loading, Queued, RunCancelled, Stalled, Watch
from studio.runtime.executors.executor import Executor, run_job
from studio.runtime.executors.gallery import GalleryExecutor
from studio.runtime.executors.local import LocalExecutor
from studio.runtime.picture_request import PictureRequest, PictureResult
from studio.runtime.queue import Queue, QueueEntry
from studio.runtime.run_handle import Run, RunStatus, ending
from studio.runtime.worker import Perform, Worker
from studio.workflow.job import Job
from studio.workflow.resolve import Assets, resolve

_PATIENCE: Final = 1.0  # seconds that a picture waits while others write to the gallery's index


class Session:
    """Runs jobs one at a time on this machine, where models stay loaded between them.

    With another ``executor`` the queue runs on that one, as many runs at once as it has lanes.
    """

    def __init__(self, settings: Settings | None = None, executor: Executor | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self.library = Library.of(self.settings)
        self._device = LocalExecutor(self.settings)
        self._executor: Executor = executor or self._device
        self._hub = EventHub()
        self._runs = Queue(self.settings.state / "queue.sqlite")
        self._worker = Worker(self._runs, self._executor, self.library, self._hub, self._add_to_gallery)
        self._gallery: Gallery | None = None
        self._opening = threading.Lock()
        self._unlisted = False

    @property
    def gallery(self) -> Gallery:
        """All pictures in the output folder, and in every other folder that pictures were made in; opened at first use.

        Raises OutputError if its index cannot be used.
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
        below it, as ``file_names.Name``. ``watch`` is called with every step; what it raises stops the run within
        that step and leaves no partial file. Wrong input is found before anything is written. With ``listed=False``
        the pictures are not put into the gallery.
        """
        job, folder = job.with_wildcards(self.library), out or self.settings.output
        executor = self.local if listed else self._device
        for _, picture in run_job(executor, self.library, job, folder, name, watch or _ignore):
            yield picture

    def run_all(
        self, wanted: Iterable[PictureRequest], *, watch: Watch | None = None, todo: int | None = None
    ) -> Generator[PictureResult, None, None]:
        """Make the pictures of many jobs here and now, outside the queue; yield each with its picture once its file
        is complete, or with the error that left it without one.

        If ``settings.batch`` allows it, whole workflows run side by side and share forward passes, even with different
        prompts. They come roughly in order. ``wanted`` is consumed lazily, on the device's thread; ``todo`` is how many
        there are, if known. ``watch`` is called with every step; what it raises, and closing the generator, stops
        everything within that step and leaves no partial file.
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

        Raises InputError for a wrong name template, a missing wildcard, or a model or picture that has changed;
        QueueError if the queue cannot be written at the moment: then nothing is queued.
        """
        job = job.with_wildcards(self.library)
        resolve(job, Assets(self.library))
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
        """The run with this id, however old; raises InputError if there is none."""
        return Run(self._queue.row(run).id, self)

    def runs(self, most: int = 1000) -> list[Run]:
        """Waiting, running and ended runs, newest first."""
        return [Run(row.id, self) for row in self._queue.rows(most)]

    def statuses(self, most: int = 1000) -> list[RunStatus]:
        """The status of each of these."""
        rows = self._queue.rows(most)
        places = {run: place for place, run in enumerate(self._queue.waiting())}
        return [self._status(row, places) for row in rows]

    def running(self) -> list[Run]:
        """The running jobs, of this process and others."""
        return [Run(run, self) for run in self._queue.running()]

    def move(self, run: str, to: int) -> None:
        """Give a waiting run place ``to`` in the queue; 0 is next."""
        self._queue.move(run, to)
        self._worker.wake()

    def close(self) -> None:
        """Stop within a step. The current run is marked as interrupted; waiting runs go on with the next session."""
        self._worker.close()
        self._device.close()
        self._executor.close()
        self._runs.close()
        if self._gallery:
            self._gallery.close()

    # What a Run needs of its session.

    def row(self, run: str) -> QueueEntry:
        """What the queue's file says of a run."""
        return self._queue.row(run)

    def status(self, run: str) -> RunStatus:
        """The status of a run."""
        row = self._queue.row(run)
        waiting = self._queue.waiting(row.kind) if row.state == "queued" else []
        return self._status(row, {run: place for place, run in enumerate(waiting)})

    def pictures(self, run: str) -> list[Picture]:
        """A run's finished pictures."""
        return [Picture(path) for path in self._queue.pictures(run).values()]

    def present(self, run: str) -> Event | None:
        """The last state event of a run that this process makes; None for any other."""
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
            self._hub.publish(run, RunCancelled())
            self._worker.wake()

    def retry(self, run: str) -> None:
        """Queue an unfinished run again; only what is missing is made.

        Raises InputError if this version cannot read its job.
        """
        if why := self._queue.row(run).unreadable:
            raise InputError(why)
        if self._queue.again(run):
            self._worker.wake()

    def subscribe(self, run: str, listener: Watch) -> Callable[[], None]:
        """Call ``listener`` with the present state and then every event of a run; returns how to end that."""
        return self._hub.subscribe(run, listener, lambda: self._present_state(run))

    def _present_state(self, run: str) -> Event:
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

    def _status(self, row: QueueEntry, places: dict[str, int]) -> RunStatus:
        place = places.get(row.id, 0) if row.state == "queued" else None
        stalled = "" if ending(row) else self._worker.stalled
        return RunStatus(row, place, self.pictures(row.id) if row.tries else [], stalled)

    @property
    def _queue(self) -> Queue:
        """The queue. Its first use starts the worker, also on what a dead process left."""
        self._worker.start()
        return self._runs

    def _add_to_gallery(self, picture: Picture) -> None:
        """Put a picture into the gallery. If that fails the file is still there, and the next refresh finds it."""
        try:
            self.gallery.add(picture.path)
            self._unlisted = False
        except Exception as error:  # whatever it is, it must not fail a job whose picture is made
            self._warn_unlisted(error)

    def _open_gallery(self) -> None:
        """Warn before pictures are made if the gallery cannot list them; they are made anyway."""
        try:
            self.gallery  # noqa: B018 opened at first use
        except StudioError as error:
            self._warn_unlisted(error)

    def _warn_unlisted(self, error: Exception) -> None:
        """Warn that pictures are missing from the gallery, once for several in a row."""
        if not self._unlisted:
            getLogger("studio").warning("pictures are not in the gallery yet, only in their folder: %s", error)
        self._unlisted = True


def _ignore(event: Event) -> None:
    """The default for ``watch``."""
