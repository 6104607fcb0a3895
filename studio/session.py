"""The one stateful object: holds loaded models, works through the queue, tells those who watch.

Surfaces submit jobs and subscribe; a closed tab or a restarted page changes nothing for the run.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from logging import getLogger
from pathlib import Path
from typing import Final

from studio.config import Settings
from studio.errors import Cancelled as Stopped
from studio.errors import StudioError
from studio.events import Cancelled, Done, Event, Failed, Interrupted, Loading, Made, Queued
from studio.hands import Device, Hands, stoppable
from studio.job import Job
from studio.queue import Queue, Row
from studio.record import names
from studio.record.gallery.gallery import Gallery
from studio.record.picture import Picture
from studio.runs import Listener, Run, ending
from studio.work import Wanted, Watch

_POLL: Final = 0.5  # seconds between looks at what other processes ask
_PATIENCE: Final = 1.0  # seconds that a picture waits for others who write to the gallery's index


class Session:
    """Runs jobs one at a time on this machine, where models stay loaded between them.

    Other ``hands`` may work through the queue in its place, as many runs at once as they have lanes.
    """

    def __init__(self, settings: Settings | None = None, hands: Hands | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self._device = Device(self.settings)
        self._hands: Hands = hands or self._device
        self._changed = threading.Condition()
        self._listeners: dict[str, list[Listener]] = {}
        self._present: dict[str, Event] = {}  # the last thing heard of each run that is not over
        self._opened: Queue | None = None
        self._workers: list[threading.Thread] = []
        self._gallery: Gallery | None = None
        self._unlisted = False
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
        name: names.Name = names.DEFAULT,
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
        if listed:
            self._open_gallery()
        for _, picture in self._device.work(job, folder, name, watch or _ignore, previews=False, finished=()):
            if listed:
                self.listed(picture)
            yield picture

    def run_all(
        self, wanted: Iterable[Wanted], *, watch: Watch | None = None, todo: int | None = None
    ) -> Generator[tuple[Wanted, Picture | Exception], None, None]:
        """Make the pictures of many jobs here and now, outside the queue; yield each with its picture once its file
        is complete, or with the error that tells why it has none.

        Where ``settings.batch`` allows, whole workflows go side by side and share forward passes, though their prompts
        differ. They come roughly in order. ``wanted`` is gone through as it is needed, on the device's thread;
        ``todo`` says how many there are, if that is known. ``watch`` hears of every step; what it raises, and closing
        the iterator, stops all within that step and leaves no partial file.
        """
        self._open_gallery()
        with closing(self._device.work_all(wanted, watch or _ignore, todo)) as all_made:
            for one, made in all_made:
                if isinstance(made, Picture):
                    self.listed(made)
                yield one, made

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
        for worker in self._workers:
            worker.join()
        self._device.close()
        self._hands.close()
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
                lanes = range(self._hands.lanes)
                self._workers = [threading.Thread(target=self._serve, name="studio", daemon=True) for _ in lanes]
                for worker in self._workers:
                    worker.start()
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
        watch = stoppable(lambda: self._closing or queue.asked_to_stop(row.id), lambda e: self._tell(row.id, e))
        finished = queue.pictures(row.id)
        for number, picture in self._hands.work(row.job, row.folder, row.name, watch, previews=True, finished=finished):
            queue.keep(row.id, number, picture.path)
            self.listed(picture)
            self._tell(row.id, Made(picture))

    def listed(self, picture: Picture) -> None:
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
