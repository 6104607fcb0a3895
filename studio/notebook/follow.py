"""From a run's events to what the panel shows. All of this happens on the session's thread."""

from collections.abc import Callable

from studio.notebook.results import Results
from studio.notebook.widgets import Bar
from studio.runtime.events import Done, Event, Failed, Loading, Made, Preview, Queued, Stalled, Step
from studio.runtime.run_handle import Run
from studio.ui.phrases import progress


class Follower:
    """Follows the panel's runs, the one at work and those in line behind it."""

    def __init__(self, bar: Bar, results: Results, ended: Callable[[], None]) -> None:
        self._bar, self._results, self._ended = bar, results, ended
        self._runs: list[Run] = []

    def follow(self, run: Run) -> None:
        """Show what happens to a run from now on."""
        self._runs.append(run)
        run.follow(lambda event: self._hear(run, event))

    def stop(self) -> None:
        """Stop the first of the runs that are not over."""
        for run in self._runs[:1]:
            run.cancel()

    def say(self, words: str, problem: bool = False) -> None:
        """Put a line beside the buttons."""
        with self._bar.hold_sync():
            self._bar.text, self._bar.problem = words, problem
            self._bar.running = bool(self._runs)

    def _hear(self, run: Run, event: Event) -> None:
        if event.final and run in self._runs:
            self._runs.remove(run)
        if isinstance(event, Made):
            self._results.add(event.picture)
        elif isinstance(event, Preview):
            self._results.preview(event.jpeg)
        else:
            self._bar.fraction = _fraction(event)
            self.say(self._words(run, event), isinstance(event, Failed | Stalled))
        if event.final:
            self._results.again()
            self._ended()

    def _words(self, run: Run, event: Event) -> str:
        more = f" · {len(self._runs) - 1} more waiting" if len(self._runs) > 1 else ""
        return _sentence(run, event) + more


def _fraction(event: Event) -> float | None:
    """How much of the run is done; None while nobody knows."""
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
