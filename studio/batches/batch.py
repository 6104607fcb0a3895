"""A batch: what a table, or a grid, asks a workflow for."""

from collections.abc import Sequence
from dataclasses import dataclass

from studio.batches.task import Task
from studio.workflow import Workflow


@dataclass(frozen=True)
class Batch:
    """Every picture that is wanted, in the table's order; ``columns`` are the table's, for the manifest."""

    workflow: Workflow
    tasks: Sequence[Task]
    columns: tuple[str, ...] = ()
