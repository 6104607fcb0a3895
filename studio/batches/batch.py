"""A batch: the pictures that a table, or a grid, requests of a workflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from studio.batches.task import Task
from studio.workflow.workflow import Workflow


@dataclass(frozen=True)
class Skipped:
    """A row that is left out on request: its number, its cells, and why."""

    row: int
    cells: Mapping[str, str]
    problem: str


@dataclass(frozen=True)
class Batch:
    """Every requested picture, in the table's order. ``columns`` are the table's; they and the ``skipped`` rows are
    listed in the manifest."""

    workflow: Workflow
    tasks: Sequence[Task]
    columns: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def with_seeds(self, seeds: Mapping[str, int]) -> "Batch":
        """The batch with other seeds for some tasks, by their keys. A task that got another seed may get one again."""
        return replace(self, tasks=[_with_seed(task, seeds) for task in self.tasks])


def _with_seed(task: Task, seeds: Mapping[str, int]) -> Task:
    while task.key in seeds:
        task = task.with_seed(seeds[task.key])
    return task
