"""Fills a folder with a batch's pictures: what is there stays, what is missing is made, what fails is listed.

What is there is told by content. A picture's record holds its job, and so the key of the task that made it: the file
may have been renamed, or moved to another folder within the batch's, and still counts. Rows that ask for the very same
picture share its file. No file is ever overwritten, and no lock is needed: several processes may fill one folder.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from studio.batches import contact_sheet, manifest
from studio.batches.batch import Batch
from studio.batches.progress import Progress
from studio.batches.resume import Standing
from studio.batches.speed import pictures
from studio.batches.task import Task, TaskFailed, TaskMade
from studio.batches.task_execution import execute_tasks
from studio.errors import StudioError
from studio.pictures.publish import check_folder, reached, sweep
from studio.runtime.events import Watch
from studio.runtime.executors.executor import Executor


@dataclass(frozen=True, repr=False)
class Filled:
    """How a batch stands: which pictures were ``made`` now, how many rows' pictures were ``there`` before, and which
    rows have ``failed``: now, in an earlier run, or because something is in the way of their file."""

    made: tuple[TaskMade, ...]
    there: int
    failed: tuple[TaskFailed, ...]

    def __str__(self) -> str:
        there = f", {self.there:,} {'was' if self.there == 1 else 'were'} there" if self.there else ""
        rows = f"{len(self.failed):,} row{'' if len(self.failed) == 1 else 's'} failed"
        return f"{pictures(len(self.made))} made{there}{f', {rows}' if self.failed else ''}"

    def __repr__(self) -> str:
        return f"<{self}>"


def fill(
    batch: Batch,
    out: Path,
    executor: Executor,
    watch: Watch,
    retry: bool = False,
    *,
    only: str = "",
    sheet: bool = True,
) -> Filled:
    """Make what is missing of the batch in the folder ``out``; with ``retry`` what failed in earlier runs, and no more.

    With ``only``, a task's key, that picture alone is made where it is missing, whether it failed before or not.

    At the end there is a manifest beside the pictures, and with ``sheet`` a contact sheet.

    ``watch`` hears Steps that count over the whole batch, Made for each picture and RowFailed for each row that fails;
    what it raises stops the work within a step, with all that was made so far kept and listed in the manifest. Raises
    InputError where a file in the folder would be lost, OutputError where the disk takes no more: the next run goes on.
    """
    check_folder(out)
    with reached(out):
        filled = _fill(batch, out, executor, watch, retry, only)
    if sheet:
        contact_sheet.write(out)
    return filled


def _fill(batch: Batch, out: Path, executor: Executor, watch: Watch, retry: bool, only: str) -> Filled:
    manifest.check(out)
    contact_sheet.check(out)
    sweep(out)
    standing = Standing.of(batch, out)
    todo = standing.missing(batch, out, retry=retry, only=only)
    there = sum(task.key in standing.files for task in batch.tasks)
    try:
        made = tuple(_make(todo, out, executor, watch, standing))
    except BaseException:
        with suppress(StudioError, OSError):  # what stopped it is what should be told
            standing.write(batch, out)
        raise
    standing.write(batch, out)
    return Filled(made, there, tuple(standing.problems(batch)))


def _make(todo: Sequence[Task], out: Path, executor: Executor, watch: Watch, standing: Standing) -> Iterator[TaskMade]:
    progress = Progress(len(standing.files), len(todo), watch)
    with closing(execute_tasks(executor, todo, out, progress.hear)) as outcomes:
        for outcome in outcomes:
            standing.note(outcome, out)
            progress.take(outcome)
            if isinstance(outcome, TaskMade):
                yield outcome
