"""The one stateful object: holds loaded models, works through the queue, tells those who watch.

One thread owns the device: where two of a process use torch on a CPU, each step was measured to take
twice as long. Surfaces submit jobs and subscribe; a closed tab or a restarted page changes nothing for
the run.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from logging import getLogger
from pathlib import Path
from typing import Final

from studio.config import Settings
from studio.engine.pipelines import Pipelines
from studio.errors import Cancelled as Stopped
from studio.errors import StudioError
from studio.events import Cancelled, Done, Event, Failed, Interrupted, Loading, Made, Queued
from studio.job import Job
from studio.queue import Queue, Row
from studio.record import names
from studio.record.gallery.gallery import Gallery
from studio.record.picture import Picture
from studio.runs import Listener, Run, ending
from studio.work import Watch, work

_POLL: Final = 0.5  # seconds between looks at what other processes ask
_PATIENCE: Final = 1.0  # seconds that a picture waits for others who write to the gallery's index


class Session:
    """Runs jobs one at a time and keeps models loaded between them."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self._pipelines = Pipelines(self.settings.device, self.settings.vram)
        self._device = ThreadPoolExecutor(1, "device")
        self._changed = threading.Condition()
        self._listeners: dict[str, list[Listener]] = {}
        self._present: dict[str, Event] = {}  # the last thing heard of each run that is not over
        self._opened: Queue | None = None
        self._gallery: Gallery | None = None
        self._worker: threading.Thread | None = None
        self._closing = False

    @property
    def gallery(self) -> Gallery:
        """All pictures in the output folder, and in every other that pictures were made into; opened at first use.

        Raises OutputError where its index cannot be used.
        """
        with self._changed:
            if self._gallery is None:
                self._gallery = Gallery(self.settings.state, [self.settings.output], _PATIENCE)
            return self._gallery

    def run(
        self,
        job: Job,
        *,
        out: Path | None = None,
        name: str = names.DEFAULT,
        watch: Watch | None = None,
        listed: bool = True,
    ) -> Iterator[Picture]:
        """Make the job's pictures here and now, outside the queue, and yield each once its file is complete.

        ``out`` is the folder (the settings' own without it), ``name`` a template as in
        ``record.names``. ``watch`` hears of every step; what it raises stops the run within that
        step, and leaves no partial file. Wrong input is found before anything is written. ``listed`` is false
        for pictures that the gallery shall not have.
        """
        job, left = job.with_wildcards(self.settings.wildcards), threading.Event()
        heard = _stoppable(left.is_set, watch or _ignore)
        made = work(job, self._pipelines, out or self.settings.output, name, self.settings.batch, heard)
        try:
            for _, picture in self._one_by_one(made, left):
                if listed:
                    self._list(picture)
                yield picture
        finally:
            left.set()

    def submit(self, job: Job, *, out: Path | None = None, name: str = names.DEFAULT) -> Run:
        """Put a job at the end of the queue and return at once.

        Raises InputError for a wrong name template, a wildcard that is not there, or a model or picture that
        has changed.
        """
        job = job.with_wildcards(self.settings.wildcards)
        job.checked()
        names.check(name)
        run = self._queue().add(job, out or self.settings.output, name)
        self._wake()
        return self.find(run)

    def find(self, run: str) -> Run:
        """The run of this id, of whenever; raises InputError where there is none."""
        return Run(self._queue().row(run).id, self)

    def runs(self, most: int = 1000) -> list[Run]:
        """What waits, runs and has been, newest first."""
        return [Run(row.id, self) for row in self._queue().rows(most)]

    def move(self, run: str, to: int) -> None:
        """Give a waiting run place ``to`` in the queue; 0 is next."""
        self._queue().move(run, to)
        self._wake()

    def close(self) -> None:
        """Stop within a step. The run at work is marked as interrupted; those that wait go on another time."""
        self._closing = True
        self._wake()
        if self._worker:
            self._worker.join()
        self._device.shutdown()
        if self._opened:
            self._opened.close()
        if self._gallery:
            self._gallery.close()

    # What a Run asks of its session.

    def row(self, run: str) -> Row:
        """What the queue's file says of a run."""
        return self._queue().row(run)

    def pictures(self, run: str) -> list[Picture]:
        """A run's finished pictures."""
        return [Picture(path) for path in self._queue().pictures(run).values()]

    def cancel(self, run: str) -> None:
        """Take a run out of the queue, or stop it within a step."""
        if self._queue().ask_to_stop(run):
            self._tell(run, Cancelled())
            self._wake()

    def retry(self, run: str) -> None:
        """Queue an unfinished run again; only what is missing is made."""
        if self._queue().again(run):
            self._wake()

    def subscribe(self, run: str, listener: Listener) -> Callable[[], None]:
        """Hand every event of a run to ``listener``, first where it stands now; returns how to end that."""
        with self._changed:
            standing = self._standing(run)
            if not standing.final:
                self._listeners.setdefault(run, []).append(listener)
            listener(standing)
        return lambda: self._unsubscribe(run, listener)

    def _unsubscribe(self, run: str, listener: Listener) -> None:
        with self._changed, suppress(KeyError, ValueError):
            self._listeners[run].remove(listener)
            if not self._listeners[run]:
                del self._listeners[run]

    def _standing(self, run: str) -> Event:
        """The present state as an event."""
        row, waiting = self.row(run), self._queue().waiting()
        if row.state == "queued":
            return Queued(waiting.index(run) if run in waiting else 0)
        return ending(row) or self._present.get(run) or Loading(", ".join(row.job.models()))

    # The worker.

    def _queue(self) -> Queue:
        """The queue, opened at first use; what a dead process left waiting begins to run."""
        with self._changed:
            if self._opened is None:
                self._opened = Queue(self.settings.state / "queue.sqlite")
                self._worker = threading.Thread(target=self._serve, name="studio", daemon=True)
                self._worker.start()
            return self._opened

    def _wake(self) -> None:
        with self._changed:
            waiting = self._opened.waiting() if self._opened and self._listeners else []
            for place, run in enumerate(waiting):
                if run in self._listeners:
                    self._tell(run, Queued(place))
            self._changed.notify_all()

    def _serve(self) -> None:
        queue = self._queue()
        while not self._closing:
            row = queue.next()
            if row:
                self._wake()
                self._do(queue, row)
            else:
                with self._changed:
                    self._changed.wait(_POLL)

    def _do(self, queue: Queue, row: Row) -> None:
        """One run, from loading to its end; whatever happens, the worker lives on."""
        self._tell(row.id, Loading(", ".join(row.job.models())))
        try:
            self._produce(queue, row)
            self._end(queue, row, Done())
        except Stopped:
            self._end(queue, row, Interrupted() if self._closing else Cancelled())
        except StudioError as error:
            self._end(queue, row, Failed(str(error)))
        except Exception as error:  # a mistake of ours must not end every later run as well
            getLogger("studio").exception("run %s", row.id)
            self._end(queue, row, Failed(f"{type(error).__name__}: {error}"))

    def _produce(self, queue: Queue, row: Row) -> None:
        watch = _stoppable(lambda: self._closing or queue.asked_to_stop(row.id), lambda e: self._tell(row.id, e))
        made = work(
            row.job, self._pipelines, row.folder, row.name, self.settings.batch, watch,
            previews=True, finished=queue.pictures(row.id),
        )  # fmt: skip
        for number, picture in self._one_by_one(made, threading.Event()):
            queue.keep(row.id, number, picture.path)
            self._list(picture)
            self._tell(row.id, Made(picture))

    def _list(self, picture: Picture) -> None:
        """Put a picture into the gallery. Where that fails it is a file all the same, and the next refresh finds it."""
        try:
            self.gallery.add(picture.path)
        except Exception as error:  # whatever it is, it must not fail a job whose picture is made
            getLogger("studio").warning("'%s' is not in the gallery yet: %s", picture.path, error)

    def _one_by_one(self, made: Iterator[tuple[int, Picture]], left: threading.Event) -> Iterator[tuple[int, Picture]]:
        """Each picture made on the device's thread; between two of them somebody else may have it.

        Ctrl+C is heard on this thread: it sets ``left``, which stops the work within a step, and a picture
        that was just then finished is still handed on.
        """
        while True:
            making = self._device.submit(next, made, None)
            try:
                found = making.result()
            except KeyboardInterrupt:
                left.set()
                with suppress(Stopped):
                    yield from filter(None, [making.result()])
                raise
            if found is None:
                return
            yield found

    def _end(self, queue: Queue, row: Row, event: Event) -> None:
        queue.end(row.id, event.name, event.problem if isinstance(event, Failed) else "")  # type: ignore[arg-type]
        self._tell(row.id, event)

    def _tell(self, run: str, event: Event) -> None:
        with self._changed:
            self._present[run] = event
            listeners = list(self._listeners.get(run, ()))
            if event.final:
                self._present.pop(run, None)
                self._listeners.pop(run, None)
        for listener in listeners:
            try:
                listener(event)
            except Exception:  # a broken watcher must not fail the run, nor keep the others from hearing
                getLogger("studio").exception("a watcher of run %s left", run)
                self._unsubscribe(run, listener)


def _ignore(event: Event) -> None:
    """Nobody watches."""


def _stoppable(stop: Callable[[], bool], watch: Watch) -> Watch:
    """Pass events on, and stop the work once somebody asks for it."""

    def passed(event: Event) -> None:
        if stop():
            raise Stopped("stopped")
        watch(event)

    return passed
