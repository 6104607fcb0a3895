"""Shows the events of runs in the panel. All of this happens on the session's thread."""

from collections.abc import Callable

from studio.notebook.results import Results
from studio.notebook.widgets import GenerateBar
from studio.runtime.events import Done, Event, Failed, Loading, Made, Preview, Queued, Stalled, Step
from studio.runtime.run_handle import Run
from studio.ui.phrases import progress


class RunFollower:
    """Follows the panel's runs: the running one and those that wait behind it."""

    def __init__(self, bar: GenerateBar, results: Results, ended: Callable[[], None]) -> None:
        self._bar, self._results, self._ended = bar, results, ended
        self._runs: list[Run] = []

    def follow(self, run: Run) -> None:
        """Show the progress of a run."""
        self._runs.append(run)
        run.follow(lambda event: self._on_event(run, event))

    def stop(self) -> None:
        """Stop the first unfinished run."""
        for run in self._runs[:1]:
            run.cancel()

    def show_status(self, text: str, problem: bool = False) -> None:
        """Show a line beside the buttons."""
        with self._bar.hold_sync():
            self._bar.text, self._bar.problem = text, problem
            self._bar.running = bool(self._runs)

    def _on_event(self, run: Run, event: Event) -> None:
        if event.final and run in self._runs:
            self._runs.remove(run)
        if isinstance(event, Made):
            self._results.add(event.picture)
        elif isinstance(event, Preview):
            self._results.preview(event.jpeg)
        else:
            self._bar.fraction = _fraction(event)
            self.show_status(self._status(run, event), isinstance(event, Failed | Stalled))
        if event.final:
            self._results.end_preview()
            self._ended()

    def _status(self, run: Run, event: Event) -> str:
        more = f" · {len(self._runs) - 1} more waiting" if len(self._runs) > 1 else ""
        return _sentence(run, event) + more


def _fraction(event: Event) -> float | None:
    """How much of the run is done; None if unknown."""
    if not isinstance(event, Step):
        return None
    return (event.picture - 1 + event.step / event.steps) / event.pictures


def _sentence(run: Run, event: Event) -> str:
    match event:
        case Queued():
            return f"Waiting, {event.position} before it" if event.position else "Starts next"
        case Loading():
            return f"Loading {event.model}"
        case Step():
            return progress(event).capitalize()
        case Failed() | Stalled():
            return event.problem
    made = len(run.pictures)
    if isinstance(event, Done):
        return "Done" if made == 1 else f"Done, {made} pictures"
    return f"Stopped, {made} finished and kept" if made else "Stopped"
