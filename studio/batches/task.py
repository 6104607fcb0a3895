"""One picture of a batch, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from studio.workflow.job import Job


@dataclass(frozen=True)
class Task:
    """One picture: ``job`` makes it and no other, and ``place`` is where its file goes below the batch's folder.

    ``row`` is its row of the table, from 1, and ``cells`` are the cells of that row, as written.
    """

    row: int
    job: Job
    place: PurePosixPath
    cells: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """The job's key: tasks with the same key make the same picture, and the record of a file contains it."""
        return self.job.key

    def with_seed(self, seed: int) -> "Task":
        """The same task with another seed and its own file next to the first: "star.png" becomes "star-7.png"."""
        place = self.place.with_stem(f"{self.place.stem.removesuffix(f'-{self.job.seed}')}-{seed}")
        return replace(self, job=self.job.model_copy(update={"seed": seed}), place=place)


@dataclass(frozen=True)
class TaskMade:
    """A task's file is complete."""

    task: Task
    path: Path


@dataclass(frozen=True)
class TaskFailed:
    """A task made no picture, for a reason in one line."""

    task: Task
    problem: str


Outcome = TaskMade | TaskFailed
