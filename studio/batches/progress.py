"""The progress of a batch: turns the events of one picture into those of the whole batch."""

from dataclasses import dataclass, replace

from studio.batches.task import Outcome, TaskFailed, TaskMade
from studio.pictures.picture import Picture
from studio.runtime.events import Event, Made, Step, Watch
from studio.runtime.time_left import TimeLeft


@dataclass(frozen=True)
class RowFailed(Event):
    """A row of a batch made no picture; the other rows go on."""

    row: int
    problem: str


class ProgressCounter:
    """Counts ``todo`` pictures on top of those that are ``there``, and passes events to ``watch``."""

    def __init__(self, there: int, todo: int, watch: Watch) -> None:
        self._done, self._pictures, self._watch = there, there + todo, watch
        self._time_left = TimeLeft(self._pictures)

    def forward(self, event: Event) -> None:
        """Pass on an event of the current picture."""
        if isinstance(event, Step):
            left = self._time_left.after(self._done + event.step / max(1, event.steps))
            number = min(self._done + 1, self._pictures)
            event = replace(event, picture=number, pictures=self._pictures, seconds_left=left)
        self._watch(event)

    def finish(self, outcome: Outcome) -> None:
        """Count a finished task, and pass on what became of it."""
        self._done += 1
        self._time_left.after(self._done)
        match outcome:
            case TaskMade(_, path):
                self._watch(Made(Picture(path)))
            case TaskFailed(task, problem):
                self._watch(RowFailed(task.row, problem))
