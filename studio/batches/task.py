"""One picture of a batch, and who makes it."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from studio.runtime.events import Event
from studio.workflow.job import Job


@dataclass(frozen=True)
class Task:
    """One picture: its ``job``, which makes it and no other, and its file's place below the batch's folder.

    ``row`` is the row of the table it came from, from 1, and ``cells`` what that row says, as written.
    """

    row: int
    job: Job
    place: PurePosixPath
    cells: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """The job's: two tasks with one key make the same picture, and a file's record tells which task made it."""
        return self.job.key

    def with_seed(self, seed: int) -> "Task":
        """The same with another seed, in a file of its own beside: "star.png" becomes "star-7.png"."""
        place = self.place.with_stem(f"{self.place.stem.removesuffix(f'-{self.job.seed}')}-{seed}")
        return replace(self, job=self.job.model_copy(update={"seed": seed}), place=place)


@dataclass(frozen=True)
class Made:
    """A task's file is complete. ``seconds`` are those its picture took."""

    task: Task
    path: Path
    seconds: float


@dataclass(frozen=True)
class Failed:
    """A task made no picture, for a reason in one line."""

    task: Task
    problem: str


Outcome = Made | Failed
Watch = Callable[[Event], None]


class Maker(Protocol):
    """Who makes pictures: this process, or others."""

    def make(self, tasks: Iterable[Task], out: Path, watch: Watch) -> Generator[Outcome, None, None]:
        """Make each task's picture, published as ``out / task.place``, and tell of each as soon as it is there.

        In any order. A task that fails does not stop the others; what would fail them all, as a full disk, is
        raised as OutputError. A task whose file is there already, with its key, is Made. What ``watch`` raises, and
        closing the iterator, stops the work within a step.
        """
        ...
