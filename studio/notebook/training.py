"""A training in a notebook: the page of ``studio.train.page``, live, with a button that stops it."""

import threading
from pathlib import Path
from typing import Any

import ipywidgets

from studio.errors import Cancelled, StudioError
from studio.notebook.widgets import KernelBanner
from studio.train.config import TrainingConfig
from studio.train.loop import train
from studio.train.page import piece
from studio.train.progress import TrainingProgress


class Training(ipywidgets.VBox):  # type: ignore[misc]
    """Starts a training and shows how it goes; the cell does not wait.

    What is wrong with the pictures or the settings stands in place of the progress. Made again for the same course,
    it goes on where it was stopped.
    """

    def __init__(self, course: TrainingConfig) -> None:
        self._course, self._stopping = course, threading.Event()
        self._problem: StudioError | None = None
        self._page = ipywidgets.HTML("Loading the model and the pictures …")
        self._stop = ipywidgets.Button(description="Stop")
        self._stop.on_click(lambda _: self.stop())
        super().__init__([KernelBanner(), self._page, self._stop])
        self.add_class("studio").add_class("studio-training-box")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<training of '{self._course.name}'; run the cell to train it>"

    def _repr_mimebundle_(self, **asked: Any) -> Any:
        """Where no kernel is, the page as it stands is shown."""
        return {**super()._repr_mimebundle_(**asked), "text/plain": repr(self), "text/html": self._page.value}

    def stop(self) -> None:
        """Stop after the step at work; what was learned is kept."""
        self._stopping.set()

    def wait(self) -> Path:
        """Wait for the end and return the LoRA's file; raises what went wrong, Cancelled where it was stopped."""
        try:
            self._thread.join()
        except KeyboardInterrupt:
            self.stop()
            self._thread.join()
        if self._problem:
            raise self._problem
        return self._course.file

    def _run(self) -> None:
        try:
            train(self._course, self._hear)
        except StudioError as error:
            self._problem = error
            if not isinstance(error, Cancelled):
                self._page.value = _listed(error)
        self._stop.disabled = True

    def _hear(self, progress: TrainingProgress) -> None:
        self._page.value = piece(progress)
        if self._stopping.is_set() and not progress.over:
            raise Cancelled


def _listed(error: StudioError) -> str:
    """The problem, and what is wrong one by one where that is several things."""
    from html import escape

    wrong = getattr(error, "wrong", {})
    if len(wrong) < 2:
        return escape(str(error))
    items = "".join(f"<li>{escape(name)} {escape(problem)}</li>" for name, problem in wrong.items())
    return f"{escape(str(error).partition(': ')[0])}:<ul>{items}</ul>"
