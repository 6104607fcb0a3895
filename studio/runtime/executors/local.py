"""The executor of this machine.

One thread owns the device: with two threads of a process in torch on a CPU, each step took twice as long.
"""

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from studio.config import Settings
from studio.diffusion.pipelines import Pipelines
from studio.errors import Cancelled
from studio.library import Library
from studio.runtime.events import Watch
from studio.runtime.executors.executor import stoppable
from studio.runtime.picture_request import PictureRequest, PictureResult
from studio.runtime.runner import run_requests


class LocalExecutor:
    """The device of this machine, with the models that are loaded on it."""

    lanes = 1

    def __init__(self, settings: Settings) -> None:
        self._batch = settings.batch
        self._pipelines = Pipelines(Library.of(settings), settings.device, settings.vram)
        self._thread = ThreadPoolExecutor(1, "device")

    def execute(
        self, requests: Iterable[PictureRequest], watch: Watch, *, previews: bool = False, total: int | None = None
    ) -> Generator[PictureResult, None, None]:
        """As ``Executor`` says. Between two pictures another call may use the device."""
        stopped = threading.Event()
        watch = stoppable(stopped.is_set, watch)
        results = run_requests(requests, self._pipelines, self._batch, watch, previews=previews, total=total)
        return self._on_device(results, stopped)

    def close(self) -> None:
        self._thread.shutdown()

    def _on_device(
        self, results: Generator[PictureResult, None, None], stopped: threading.Event
    ) -> Generator[PictureResult, None, None]:
        """Each result, computed on the device's thread.

        Ctrl+C arrives on the calling thread: it sets ``stopped``, which ends the work within a step. A picture that was
        finished at that moment is still yielded.
        """
        try:
            while True:
                pending = self._thread.submit(next, results, None)
                try:
                    result = pending.result()
                except KeyboardInterrupt:
                    stopped.set()
                    with suppress(Cancelled):
                        yield from filter(None, [pending.result()])
                    raise
                if result is None:
                    return
                yield result
        finally:
            stopped.set()
            with suppress(RuntimeError):  # the session is closed, and its thread gone
                self._thread.submit(results.close)
