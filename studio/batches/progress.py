"""How far a batch is: what is told of one picture becomes what is told of all."""

from dataclasses import dataclass, replace

from studio.batches.task import Outcome, TaskFailed, TaskMade
from studio.pictures.picture import Picture
from studio.runtime.events import Event, Made, Step, Watch
from studio.runtime.time_left import TimeLeft


@dataclass(frozen=True)
class RowFailed(Event):
    """A row of a batch made no picture; the others go on."""

    row: int
    problem: str


class Progress:
    """Counts ``todo`` pictures after those that are ``there``, and tells ``watch``.

    The time left is reckoned from the seconds since the first that was heard, so that loading does not count.
    """

    def __init__(self, there: int, todo: int, watch: Watch) -> None:
        self._done, self._pictures, self._watch = there, there + todo, watch
        self._time_left = TimeLeft(self._pictures)

    def hear(self, event: Event) -> None:
        """An event of the picture at work."""
        if isinstance(event, Step):
            left = self._time_left.after(self._done + event.step / max(1, event.steps))
            number = min(self._done + 1, self._pictures)
            event = replace(event, picture=number, pictures=self._pictures, seconds_left=left)
        self._watch(event)

    def take(self, outcome: Outcome) -> None:
        """A task is over."""
        self._done += 1
        self._time_left.after(self._done)
        match outcome:
            case TaskMade(_, path):
                self._watch(Made(Picture(path)))
            case TaskFailed(task, problem):
                self._watch(RowFailed(task.row, problem))
