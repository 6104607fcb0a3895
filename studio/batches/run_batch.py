"""Fills a folder with a batch's pictures: existing ones are kept, missing ones are made, failed rows are listed.

Pictures are recognised by content. A picture's record contains its job, and so the key of its task: a file that was
renamed, or moved to another folder within the batch's, still counts. Rows that request the same picture share its file.
No file is ever overwritten, and no lock is needed: several processes may fill one folder.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from studio.batches import contact_sheet, manifest
from studio.batches.batch import Batch
from studio.batches.progress import ProgressCounter
from studio.batches.resume import FolderState
from studio.batches.speed import pictures
from studio.batches.task import Task, TaskFailed, TaskMade
from studio.batches.task_execution import execute_tasks
from studio.errors import StudioError
from studio.pictures.publish import check_folder, output_errors, sweep
from studio.runtime.events import Watch
from studio.runtime.executors.executor import Executor


@dataclass(frozen=True, repr=False)
class BatchResult:
    """The state of a batch: the pictures ``made`` now, how many rows' pictures were ``there`` before, and the rows that
    ``failed``: now, in an earlier run, or because something is in the way of their file."""

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
) -> BatchResult:
    """Make the missing pictures of the batch in the folder ``out``; with ``retry`` only those that failed before.

    With ``only``, a task's key, only that picture is made if it is missing, whether it failed before or not. At the end
    the folder has a manifest and, with ``sheet``, a contact sheet.

    ``watch`` receives Steps that count over the whole batch, Made for each picture and RowFailed for each row that
    fails. What it raises stops the work within a step; finished pictures are kept and listed in the manifest. Raises
    InputError if a file in the folder would be lost, OutputError if the disk is full: the next run goes on.
    """
    check_folder(out)
    with output_errors(out):
        filled = _fill(batch, out, executor, watch, retry, only)
    if sheet:
        contact_sheet.write(out)
    return filled


def _fill(batch: Batch, out: Path, executor: Executor, watch: Watch, retry: bool, only: str) -> BatchResult:
    manifest.check(out)
    contact_sheet.check(out)
    sweep(out)
    state = FolderState.of(batch, out)
    todo = state.missing(batch, out, retry=retry, only=only)
    there = sum(task.key in state.files for task in batch.tasks)
    try:
        made = tuple(_make(todo, out, executor, watch, state))
    except BaseException:
        with suppress(StudioError, OSError):  # the first error is the one to report
            state.write(batch, out)
        raise
    state.write(batch, out)
    return BatchResult(made, there, tuple(state.problems(batch)))


def _make(todo: Sequence[Task], out: Path, executor: Executor, watch: Watch, state: FolderState) -> Iterator[TaskMade]:
    progress = ProgressCounter(len(state.files), len(todo), watch)
    with closing(execute_tasks(executor, todo, out, progress.forward)) as outcomes:
        for outcome in outcomes:
            state.note(outcome, out)
            progress.finish(outcome)
            if isinstance(outcome, TaskMade):
                yield outcome
