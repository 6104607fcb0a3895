"""A batch in a notebook: its progress, its pictures as they come, and a button that stops it."""

import threading
import time
from html import escape
from pathlib import Path
from typing import Any, Final

import ipywidgets

from studio.api import session
from studio.batches.batch import Batch
from studio.batches.progress import RowFailed
from studio.batches.run_batch import BatchResult, fill
from studio.errors import Cancelled, StudioError
from studio.notebook.thumbnail import thumbnail
from studio.notebook.widgets import KernelBanner, ThumbnailStrip
from studio.runtime.events import Event, Made, Step
from studio.runtime.executors.executor import Executor
from studio.ui.phrases import progress

_SHOWN: Final = 24  # pictures, the newest
_PAUSE: Final = 0.1  # seconds between two updates of the progress
_STOPPED: Final = "Stopped. What is finished is kept; make the batch again and it goes on."


class BatchProgress(ipywidgets.VBox):  # type: ignore[misc]
    """Makes the missing pictures of a batch in a folder and shows the progress; the cell does not wait.

    ``batch`` is the result of ``studio.checked``. With ``retry`` it makes what failed before. Without an ``executor``
    this process makes the pictures.
    """

    def __init__(self, batch: Batch, out: Path | str, *, retry: bool = False, executor: Executor | None = None) -> None:
        self._batch, self._out, self._retry = batch, Path(out), retry
        self._executor = executor or session().local
        self._stopping = threading.Event()
        self._filled: BatchResult | None = None
        self._problem: BaseException | None = None
        self._failed: list[str] = []
        self._at, self._next = 0.0, 0.0  # the fraction done, and when to show it again
        self._page = ipywidgets.HTML()
        self._strip = ThumbnailStrip(label="Pictures of this batch")
        self._stop = ipywidgets.Button(description="Stop")
        self._stop.on_click(lambda _: self.stop())
        self._say("Loading the model …")
        super().__init__([KernelBanner(), self._page, self._strip, self._stop])
        self.add_class("studio").add_class("studio-filling")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<batch in '{self._out}'; run the cell to make it>"

    def _repr_mimebundle_(self, **asked: Any) -> Any:
        return {**super()._repr_mimebundle_(**asked), "text/plain": repr(self)}

    def stop(self) -> None:
        """Stop within a step; finished pictures are kept."""
        self._stopping.set()

    def wait(self) -> BatchResult:
        """Wait for the end and return what was made; raises what went wrong, Cancelled if it was stopped."""
        try:
            self._thread.join()
        except KeyboardInterrupt:
            self.stop()
            self._thread.join()
        if self._filled is None:
            raise self._problem or Cancelled("it was stopped")
        return self._filled

    def _run(self) -> None:
        try:
            self._filled = fill(self._batch, self._out, self._executor, self._show, retry=self._retry)
            self._at = 1.0
            self._say(f"{self._filled}; all is in '{self._out}'")
        except Cancelled as stopped:
            self._problem = stopped
            self._say(_STOPPED)
        except Exception as error:  # nothing else would report it from this thread
            self._problem = error
            self._say(str(error) if isinstance(error, StudioError) else f"{type(error).__name__}: {error}")
        self._stop.disabled = True

    def _show(self, event: Event) -> None:
        if self._stopping.is_set():
            raise Cancelled("it was stopped")
        match event:
            case Step() if time.monotonic() >= self._next:
                self._next = time.monotonic() + _PAUSE
                self._at = (event.picture - 1 + event.step / event.steps) / event.pictures
                self._say(progress(event).capitalize())
            case Made(picture):
                path = picture.path
                tile = {"key": str(path), "label": path.stem, "jpeg": thumbnail(path), "word": ""}
                self._strip.items = [tile, *self._strip.items][:_SHOWN]
            case RowFailed(row, problem):
                self._failed.append(f"Row {row}: {problem}")

    def _say(self, words: str) -> None:
        """Show the bar, a line, and the rows that failed so far."""
        bar = f'<progress max="1" value="{self._at:.3f}" aria-label="Progress"></progress>'
        failed = "".join(f"<li>{escape(line)}</li>" for line in self._failed[:_SHOWN])
        self._page.value = f'{bar}<p role="status">{escape(words)}</p>{f"<ul>{failed}</ul>" if failed else ""}'
