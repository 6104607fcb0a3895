"""A training in a notebook: the live page of ``studio.train.page``, with a Stop button."""

import threading
from pathlib import Path
from typing import Any

import ipywidgets

from studio.errors import Cancelled, StudioError
from studio.library import Library
from studio.notebook.widgets import KernelBanner
from studio.train.config import TrainingConfig
from studio.train.loop import train
from studio.train.page import piece
from studio.train.progress import TrainingProgress


class Training(ipywidgets.VBox):  # type: ignore[misc]
    """Starts a training and shows its progress; the cell does not wait.

    Errors in the pictures or the settings are shown in place of the progress. For the same course, a new training
    resumes where the previous one stopped.
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

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Without a kernel, the last state of the page is shown."""
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self), "text/html": self._page.value}

    def stop(self) -> None:
        """Stop after the current step; the state is saved."""
        self._stopping.set()

    def wait(self) -> Path:
        """Wait for the end and return the LoRA's file; raises the training's error, or Cancelled if it was stopped."""
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
            train(self._course, Library.from_environment(), self._on_progress)
        except StudioError as error:
            self._problem = error
            if not isinstance(error, Cancelled):
                self._page.value = _problem_list(error)
        self._stop.disabled = True

    def _on_progress(self, progress: TrainingProgress) -> None:
        self._page.value = piece(progress)
        if self._stopping.is_set() and not progress.over:
            raise Cancelled


def _problem_list(error: StudioError) -> str:
    """The error as HTML, as a list if several things are wrong."""
    from html import escape

    wrong = getattr(error, "wrong", {})
    if len(wrong) < 2:
        return escape(str(error))
    items = "".join(f"<li>{escape(name)} {escape(problem)}</li>" for name, problem in wrong.items())
    return f"{escape(str(error).partition(': ')[0])}:<ul>{items}</ul>"
