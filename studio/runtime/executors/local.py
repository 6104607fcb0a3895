"""Who makes a session's pictures: this machine's device, or others elsewhere.

One thread owns the device: where two of a process use torch on a CPU, each step was measured to take
twice as long.
"""

import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

from studio.config import Settings
from studio.diffusion.pipelines import Pipelines
from studio.errors import Cancelled
from studio.library import Library
from studio.pictures import file_names
from studio.pictures.picture import Picture
from studio.runtime.events import Event
from studio.runtime.runner import Wanted, Watch, work, work_all
from studio.workflow.job import Job

_Made = TypeVar("_Made")


class Hands(Protocol):
    """Makes jobs' pictures; ``lanes`` is how many jobs it works on at once, each from a thread of its own."""

    @property
    def lanes(self) -> int: ...

    def work(
        self, job: Job, out: Path, name: file_names.Name, watch: Watch, *, previews: bool, finished: Collection[int]
    ) -> Iterator[tuple[int, Picture]]:
        """As ``studio.runtime.runner.work``; closing the iterator stops the work within a step."""
        ...

    def close(self) -> None:
        """Let go of everything, once nothing is at work."""
        ...


class Device:
    """The device of this machine, with the models that are loaded on it."""

    lanes = 1

    def __init__(self, settings: Settings) -> None:
        self._batch = settings.batch
        self._pipelines = Pipelines(Library.of(settings), settings.device, settings.vram)
        self._thread = ThreadPoolExecutor(1, "device")

    def work(
        self, job: Job, out: Path, name: file_names.Name, watch: Watch, *, previews: bool, finished: Collection[int]
    ) -> Iterator[tuple[int, Picture]]:
        left = threading.Event()
        heard = stoppable(left.is_set, watch)
        made = work(job, self._pipelines, out, name, self._batch, heard, previews=previews, finished=finished)
        return self._one_by_one(made, left)

    def work_all(
        self, wanted: Iterable[Wanted], watch: Watch, todo: int | None
    ) -> Generator[tuple[Wanted, Picture | Exception], None, None]:
        """As ``studio.runtime.runner.work_all``."""
        left = threading.Event()
        made = work_all(wanted, self._pipelines, self._batch, stoppable(left.is_set, watch), todo=todo)
        return self._one_by_one(made, left)

    def close(self) -> None:
        self._thread.shutdown()

    def _one_by_one(self, made: Generator[_Made, None, None], left: threading.Event) -> Generator[_Made, None, None]:
        """Each picture made on the device's thread; between two of them somebody else may have it.

        Ctrl+C is heard on this thread: it sets ``left``, which stops the work within a step, and a picture
        that was just then finished is still handed on.
        """
        try:
            while True:
                making = self._thread.submit(next, made, None)
                try:
                    found = making.result()
                except KeyboardInterrupt:
                    left.set()
                    with suppress(Cancelled):
                        yield from filter(None, [making.result()])
                    raise
                if found is None:
                    return
                yield found
        finally:
            left.set()
            with suppress(RuntimeError):  # of a session that is closed, and its thread gone
                self._thread.submit(made.close)


def stoppable(stop: Callable[[], bool], watch: Watch) -> Watch:
    """Pass events on, and stop the work once somebody asks for it."""

    def passed(event: Event) -> None:
        if stop():
            raise Cancelled("stopped")
        watch(event)

    return passed
