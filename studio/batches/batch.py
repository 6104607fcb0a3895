"""A batch: what a table, or a grid, asks a workflow for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from studio.batches.task import Task
from studio.workflow.workflow import Workflow


@dataclass(frozen=True)
class Skipped:
    """A row that is left out because somebody said so: its number, what it says, and why."""

    row: int
    cells: Mapping[str, str]
    problem: str


@dataclass(frozen=True)
class Batch:
    """Every picture that is wanted, in the table's order; ``columns`` are the table's, for the manifest, and so are
    the rows that are ``skipped``."""

    workflow: Workflow
    tasks: Sequence[Task]
    columns: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def redone(self, seeds: Mapping[str, int]) -> "Batch":
        """The batch with other seeds for some pictures, by the keys of their tasks, or of those made anew before."""
        return replace(self, tasks=[_redone(task, seeds) for task in self.tasks])


def _redone(task: Task, seeds: Mapping[str, int]) -> Task:
    while task.key in seeds:
        task = task.with_seed(seeds[task.key])
    return task
