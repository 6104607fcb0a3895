"""Makes the runs of the queue, and survives every failure: of the queue's disk, of a run, of a listener.

The end of a run is published, and the next run begun, only after the queue has recorded it. While the queue's file
cannot be used, the worker publishes ``Stalled`` to every subscriber and tries again. A picture that was written in the
meantime is found by its file, in case the program is killed before it could be recorded.
"""

import threading
from collections.abc import Callable
from functools import partial
from itertools import chain
from logging import getLogger
from typing import Final, TypeVar

from studio.errors import Cancelled, QueueError, StudioError
from studio.library import Library
from studio.pictures import resume
from studio.pictures.picture import Picture
from studio.runtime.event_hub import EventHub
from studio.runtime.events import Done, Event, Failed, Interrupted, Loading, Made, Queued, RunCancelled, Stalled, Watch
from studio.runtime.executors.executor import Executor, run_job, stoppable
from studio.runtime.queue import Kind, Queue, QueueEntry

_POLL: Final = 0.5  # seconds between checks of the queue, which other processes may change
_RETRY: Final = 0.5  # seconds between tries while the queue's file cannot be used

_T = TypeVar("_T")


Perform = Callable[[QueueEntry, Watch, Callable[[], bool]], None]
"""Makes a run: publishes its events, and raises Cancelled once the function it is given returns true."""


class Worker:
    """A thread for each lane of the executor, and one for batches; each makes one run at a time.

    ``listed`` puts a picture into the gallery.
    """

    def __init__(
        self, queue: Queue, executor: Executor, library: Library, hub: EventHub, listed: Callable[[Picture], None]
    ) -> None:
        self._queue, self._executor, self._library, self._hub, self._listed = queue, executor, library, hub, listed
        self._perform: dict[Kind, Perform] = {"job": self._make_job}
        self._lanes: dict[Kind, int] = {"job": executor.lanes}
        self._threads: dict[Kind, list[threading.Thread]] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._running: dict[str, threading.Event] = {}  # runs of this process, each with the flag that stops it
        self._stalled: dict[int, str] = {}  # by thread, why it cannot go on at the moment

    @property
    def stalled(self) -> str:
        """Why the queue cannot go on at the moment, in one line; empty while it can."""
        return next(iter(list(self._stalled.values())), "")

    def start(self) -> None:
        """Start a thread for every lane without one; what cannot be started now is tried at the next call."""
        with self._changed:
            try:
                for kind, lanes in self._lanes.items():
                    self._start(kind, lanes)
            except (RuntimeError, MemoryError) as error:
                getLogger("studio").warning("the queue's worker does not start yet: %s", error)

    def _start(self, kind: Kind, lanes: int) -> None:
        threads = self._threads[kind] = [one for one in self._threads.get(kind, ()) if one.is_alive()]
        while len(threads) < lanes and not self._closing.is_set():
            thread = threading.Thread(target=self._serve, args=(kind,), name="studio", daemon=True)
            thread.start()
            threads.append(thread)

    def accept(self, kind: Kind, perform: Perform) -> None:
        """Make runs of another kind too, one at a time, beside the jobs."""
        self._queue.accept(kind)
        with self._changed:
            self._perform[kind], self._lanes[kind] = perform, 1

    def wake(self) -> None:
        """The queue has changed: publish the places of waiting runs, and look for a run to make."""
        self._publish_places()
        with self._changed:
            self._changed.notify_all()

    def stop(self, run: str) -> bool:
        """Stop a run of this process within a step; False if it is not running here."""
        stopped = self._running.get(run)
        if stopped:
            stopped.set()
        return stopped is not None

    def close(self) -> None:
        """Stop within a step. The current run is interrupted; waiting runs go on with the next session."""
        self._closing.set()
        self.wake()
        for thread in chain.from_iterable(self._threads.values()):
            thread.join()

    def _serve(self, kind: Kind) -> None:
        while not self._closing.is_set():
            try:
                if row := self._surely(lambda: self._queue.next(kind)):
                    self._publish_places()
                    self._do(row)
                else:
                    with self._changed:
                        self._changed.wait(_POLL)
            except Cancelled:
                return
            except BaseException:  # later runs must still be made
                getLogger("studio").exception("the queue's worker goes on")
                self._closing.wait(_RETRY)

    def _do(self, row: QueueEntry) -> None:
        """One run, from its beginning to its end."""
        self._running[row.id] = threading.Event()
        try:
            self._perform[row.kind](row, partial(self._hub.publish, row.id), lambda: self._is_stopped(row.id))
            end: Event = Done()
        except Cancelled:
            end = Interrupted() if self._closing.is_set() else RunCancelled()
        except StudioError as error:
            end = Failed(str(error))
        except BaseException as error:  # a bug, here or in a step of another package
            getLogger("studio").exception("run %s", row.id)
            end = Failed(f"{type(error).__name__}: {error}")
        self._end(row.id, end)

    def _end(self, run: str, end: Event) -> None:
        problem = end.problem if isinstance(end, Failed) else ""
        try:
            self._surely(lambda: self._queue.end(run, end.name, problem))  # type: ignore[arg-type]
        except Cancelled:  # not recorded: the next session finds it interrupted
            end = Interrupted()
        finally:
            self._running.pop(run, None)
        self._hub.publish(run, end)

    def _make_job(self, row: QueueEntry, publish: Watch, stopped: Callable[[], bool]) -> None:
        """Make and record the missing pictures of a job."""
        publish(Loading(", ".join(row.job.models())))
        watch = stoppable(stopped, publish)
        finished = self._surely(lambda: self._queue.pictures(row.id))
        if row.tries > 1:  # it was begun before: there may be pictures that were not recorded
            for number, path in resume.published_files(row.job, row.folder, row.name, finished):
                if not self._surely(lambda path=path: self._queue.is_of_another(path, row.id)):  # type: ignore[misc]
                    self._keep(row.id, number, Picture(path))
                    finished[number] = path
        made = run_job(
            self._executor, self._library, row.job, row.folder, row.name, watch, previews=True, finished=finished
        )
        for number, picture in made:
            self._keep(row.id, number, picture)

    def _keep(self, run: str, number: int, picture: Picture) -> None:
        self._surely(lambda: self._queue.keep(run, number, picture.path))
        self._listed(picture)
        self._hub.publish(run, Made(picture))

    def _is_stopped(self, run: str) -> bool:
        if self._closing.is_set() or self._running[run].is_set():
            return True
        try:
            return self._queue.asked_to_stop(run)
        except QueueError:  # stopping it in this process still works
            return False

    def _surely(self, ask: Callable[[], _T]) -> _T:
        """Call the queue again until it answers; raises Cancelled if the session is closed in the meantime."""
        while True:
            try:
                answer = ask()
            except QueueError as error:
                if self._closing.is_set():
                    raise Cancelled("closed") from None
                self._stall(str(error))
                self._closing.wait(_RETRY)
            else:
                self._go_on()
                return answer

    def _stall(self, problem: str) -> None:
        """This thread cannot go on; publish why to every subscriber, with every try."""
        if not self.stalled:
            getLogger("studio").warning("%s; tried again until it can be", problem)
        self._stalled[threading.get_ident()] = problem
        self._hub.publish_to_all(Stalled(problem))

    def _go_on(self) -> None:
        """This thread can go on; if it was the last that could not, repeat every run's present state."""
        if self._stalled.pop(threading.get_ident(), None) and not self._stalled:
            self._hub.repeat_present()
            self._publish_places()

    def _publish_places(self) -> None:
        if not (subscribed := self._hub.subscribed()):
            return
        for kind in list(self._perform):
            try:
                waiting = self._queue.waiting(kind)
            except QueueError:  # the worker publishes why
                return
            for place, run in enumerate(waiting):
                if run in subscribed:
                    self._hub.publish(run, Queued(place))
