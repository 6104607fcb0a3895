"""The progress of a training, for the surfaces that show it."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from studio.runtime.duration import duration
from studio.train.cost import Cost


class TrainingSample(NamedTuple):
    """A picture drawn with the LoRA after some steps, for a prompt, always from the same seed."""

    step: int
    prompt: str
    file: Path


@dataclass(frozen=True)
class TrainingProgress:
    """A training after ``step`` of ``steps``.

    ``losses`` has one number for each step. ``seconds`` and ``cost`` include the time before it was interrupted,
    ``seen`` counts the pictures that went through the model. ``seconds_left`` is None while it is unknown. ``over``
    says how it ended ("done", "stopped"), "" while it runs.
    """

    name: str
    step: int
    steps: int
    losses: tuple[float, ...]
    samples: tuple[TrainingSample, ...]
    seconds: float
    seconds_left: float | None
    seen: int
    cost: Cost
    over: str = ""

    @property
    def loss(self) -> float | None:
        """The mean loss of the last twentieth of all steps, at least ten: single ones vary a lot."""
        recent = self.losses[-max(10, self.steps // 20) :]
        return sum(recent) / len(recent) if recent else None

    def words(self) -> str:
        """ "step 120 of 600, loss 0.084, 3 min left"; at the end time and energy."""
        loss = "" if self.loss is None else f", loss {self.loss:.4f}"
        if self.over:
            return f"{self.over} after {self._steps()}{loss}, {self.bill()}"
        left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
        return f"{self._steps()}{loss}{left}"

    def _steps(self) -> str:
        return f"step {self.step} of {self.steps}"

    def bill(self) -> str:
        """Time and energy: "3 min, 960 pictures seen, 1.2 Wh (estimated …)"."""
        return f"{duration(self.seconds)}, {self.seen} pictures seen, {self.cost}"
