"""From a table to tasks: every row is bound and checked, and all problems are found, before anything is made."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from studio.batches.batch import Batch
from studio.batches.columns import Choice, Columns, Value, written
from studio.batches.filename_templates import FileNames, default, fields
from studio.batches.seeds import Seeds
from studio.batches.tables.table import BatchTable, Row
from studio.batches.task import Task
from studio.errors import InputError, Problem, StudioError, TableError
from studio.library import Library
from studio.parameters.value_lists import Axis
from studio.workflow.job import Job, Jobs
from studio.workflow.resolve import Assets, checked
from studio.workflow.workflow import Workflow

MOST: Final = 100_000
"""Pictures of one batch."""
ALONE: Final = BatchTable((), (Row(0, {}),))
"""The rows of a grid without a table: a single empty one."""


def batch(
    workflow: Workflow,
    library: Library,
    table: BatchTable = ALONE,
    grid: Iterable[Axis] = (),
    fixed: Mapping[str, Any] | None = None,
    name: str = "",
    keep: Iterable[str] = (),
    mapping: Mapping[str, str] | None = None,
    check_cancelled: Callable[[], None] = lambda: None,
) -> Batch:
    """Every row crossed with every combination of the grid's axes, as one task per picture.

    ``fixed`` values hold for all rows. ``name`` is a template as in ``filename_templates``, ``keep`` are columns that
    are not inputs, and ``wildcards`` is the folder of wildcard files. ``mapping`` assigns columns with other names to
    an input, or to "" for none. ``check_cancelled`` is called before each combination of each row; what it raises
    stops the checking. Raises TableError with all problems of the rows, InputError for a problem of the grid, a fixed
    value or the template.
    """
    name = name or default(table.columns, workflow.inputs())
    columns = Columns.of(workflow, table, grid, fixed or {}, {*keep, *fields(name)}, mapping)
    builder = _TaskBuilder(Jobs(workflow, library), columns, FileNames(name, columns), Assets(library), check_cancelled)
    _refuse_more(len(table.rows) * columns.combinations)
    tasks = [task for row in table.rows for task in builder.row(row)]
    if problems := [*table.problems, *columns.problems, *builder.problems]:
        raise TableError(list(dict.fromkeys(problems)))
    if not tasks:
        raise InputError("the table has no rows; write what you want below the columns' names")
    return Batch(workflow, tasks, (*table.columns, *columns.axes))


@dataclass
class _TaskBuilder:
    """Makes tasks of rows, and collects their problems."""

    jobs: Jobs
    columns: Columns
    places: FileNames
    assets: Assets
    check_cancelled: Callable[[], None]
    seeds: Seeds = field(default_factory=Seeds)
    problems: list[Problem] = field(default_factory=list)
    made: int = 0

    def row(self, row: Row) -> Iterator[Task]:
        """The row's tasks; none for a combination with a problem."""
        seed: int | None = None
        for choice in self.columns.choices():
            self.check_cancelled()
            values = self.columns.values(row, choice)
            job = self._job(row, choice, values)
            if job and "seed" not in values:
                seed = self.seeds.draw(job) if seed is None else seed
                job = job.model_copy(update={"seed": seed})
            if job:
                yield from self._tasks(row, choice, job)

    def _job(self, row: Row, choice: Choice, values: Mapping[str, Value]) -> Job | None:
        try:
            job = self.jobs.of({name: value.value for name, value in values.items()}).with_wildcards(self.jobs.library)
            checked(job, self.jobs.workflow, self.assets)
        except StudioError as error:
            self.problems += self._problems(error, row, choice, values)
            return None
        return job

    def _tasks(self, row: Row, choice: Choice, job: Job) -> Iterator[Task]:
        cells = {column: written(cell) for column, cell in row.cells.items()} | dict(choice)
        self.made += job.total
        _refuse_more(self.made)
        for n in range(job.total):
            try:
                one = job.alone(n)
                yield self.places.put(Task(row.number, one, PurePosixPath(), cells), row, choice, self._number(job, n))
            except (InputError, ValueError) as error:
                self.problems.append(Problem(row.number, "", str(error)))

    def _problems(self, error: StudioError, row: Row, choice: Choice, values: Mapping[str, Value]) -> Iterator[Problem]:
        """The problems of a row's values, each where it was written, or should have been."""
        wrong = error.wrong if isinstance(error, InputError) else {}
        for name, reason in wrong.items():
            empty = self.columns.column(name, choice)
            where = values.get(name) or Value(None, row.number if empty else 0, empty or name)
            yield Problem(where.row, where.column, reason)
        if not wrong:
            yield Problem(row.number, "", str(error))

    @staticmethod
    def _number(job: Job, n: int) -> int:
        """The number of picture ``n`` among those of one combination of lists, from 1."""
        return n // (job.total // job.count) + 1


def _refuse_more(pictures: int) -> None:
    if pictures > MOST:
        raise InputError(f"that makes over {MOST:,} pictures; split the table, or shorten the grid")
