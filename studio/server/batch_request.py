"""A batch as it is requested from a browser or over HTTP: a table, and what to make of it.

The table is not trusted. What its cells name is looked up as in ``uploads``: pictures by their ids, models and LoRAs by
their names, never by a path.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import PurePath
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from studio.batches import filename_templates, tasks
from studio.batches.batch import Batch, Skipped
from studio.batches.columns import fold, written
from studio.batches.tables import files
from studio.batches.tables.table import BatchTable, Cell, Row
from studio.config import Settings
from studio.errors import InputError, Problem, TableError
from studio.library import Library
from studio.parameters.value_lists import Axis
from studio.plugins import unknown
from studio.ui import uploads
from studio.ui.controls import FormControl, controls
from studio.workflow.workflow import Workflow

_NEAR: Final = 0.75  # similarity of a column's name to an input's from which it is taken for a slip


class BatchRequest(BaseModel):
    """What to make of a table.

    ``mapping`` assigns columns to an input, or to "" for none; the others are assigned as ``BatchDraft`` says.
    ``cells`` replace cells of the table, by row and column. ``skip`` are rows to leave out, and why; with
    ``skip_wrong`` rows with problems are left out too. ``values`` hold for all rows, ``grid`` has lines such as
    "steps=10,20", and ``names`` is a template for file names. ``encoding`` is that of a text file that is neither UTF-8
    nor UTF-16.
    """

    model_config = ConfigDict(extra="forbid")
    workflow: str
    mapping: dict[str, str] = {}
    cells: dict[int, dict[str, str]] = {}
    skip: dict[int, str] = {}
    skip_wrong: bool = False
    values: dict[str, Any] = {}
    grid: list[str] = []
    names: str = ""
    encoding: str = ""


def table(content: bytes, name: str, encoding: str = "") -> BatchTable:
    """The table in an uploaded file; raises InputError if it cannot be read."""
    with uploads.temporary_file(content, called=f"table{ending(name)}") as path:
        try:
            return files.read(path, encoding)
        except InputError as error:  # which names the temporary file
            reason = str(error).removeprefix(f"'{path.name}': ")
            raise InputError.about("table", re.sub(r"^it\b", "the table", reason)) from None


def ending(name: str) -> str:
    """The ending of a table's file; raises InputError for another kind of file."""
    found = PurePath(name).suffix.lower()
    if found not in files.ENDINGS:
        raise InputError(
            f"'{PurePath(name).name}' is not a table the studio reads; save it as {', '.join(files.ENDINGS)}"
        )
    return found


def _continue() -> None:
    """Not cancelled."""


@dataclass(frozen=True)
class BatchDraft:
    """What a request and its table mean. If there are ``problems`` there is no ``batch``.

    A column is assigned to the input with its name or label. A column that resembles no input is assigned to none: its
    cells can be used in file names. One that resembles an input is most often a slip, and a problem until it is
    assigned. ``skipped`` are the rows that are left out and why, those with problems included. ``check_cancelled`` is
    called repeatedly while the batch is checked; what it raises ends that.
    """

    request: BatchRequest
    table: BatchTable
    settings: Settings
    check_cancelled: Callable[[], None] = _continue
    problems: list[Problem] = field(default_factory=list)
    skipped: dict[int, str] = field(default_factory=dict)

    @cached_property
    def workflow(self) -> Workflow:
        """The workflow, one of the studio's own; raises InputError for any other."""
        return uploads.workflow(self.request.workflow)

    @cached_property
    def controls(self) -> dict[str, FormControl]:
        return {control.name: control for control in controls(self.workflow)}

    @cached_property
    def mapping(self) -> dict[str, str]:
        """The input of each column, or "" for none; without columns that are not clear."""
        if unknown_column := next((name for name in self.request.mapping if name not in self.table.columns), None):
            raise InputError.about("mapping", unknown("column", unknown_column, self.table.columns))
        likely = {column: self._likely(column) for column in self.table.columns}
        return {column: name for column, name in likely.items() if name is not None} | self.request.mapping

    def _likely(self, column: str) -> str | None:
        name, labels = fold(column), {fold(control.label): control.name for control in self.controls.values()}
        head = name.partition(".")[0]
        if head in self.controls or name in labels:
            return name if head in self.controls else labels[name]
        return None if get_close_matches(head, self.controls, 1, _NEAR) else ""

    @property
    def names(self) -> str:
        """The template for file names."""
        return self.request.names or filename_templates.default(self.table.columns, self.workflow.inputs())

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The table's rows with the replaced cells; raises InputError for a cell outside the table."""
        there = {row.number: row for row in self.table.rows}
        for number, cells in self.request.cells.items():
            if number not in there:
                raise InputError.about("cells", f"the table has no row {number}")
            if strange := next((name for name in cells if name not in self.table.columns), None):
                raise InputError.about("cells", unknown("column", strange, self.table.columns))
            said = {**there[number].cells, **{name: text.strip() for name, text in cells.items()}}
            there[number] = Row(number, {name: cell for name, cell in said.items() if cell})
        return tuple(there.values())

    @property
    def wrong_rows(self) -> int:
        """How many rows would have to be skipped; 0 if that would not suffice."""
        found = {problem.row for problem in self.problems}
        return 0 if 0 in found else len(found)

    @cached_property
    def batch(self) -> Batch | None:
        """The batch; None if there are ``problems``, which are collected here."""
        self.skipped.update(self.request.skip)
        found = self._parse()
        if self.request.skip_wrong and self.wrong_rows:
            self.skipped.update(_by_row(self.problems))
            self.problems.clear()
            found = self._parse()
        return found

    def _parse(self) -> Batch | None:
        """The batch of the rows that are not skipped; None, and all their problems, if there are any."""
        try:
            unread = tuple(one for one in self.table.problems if one.row not in self.skipped)
            rows = replace(self.table, rows=tuple(self._safe_rows()), problems=unread)
            found = tasks.batch(
                self.workflow,
                self._library,
                rows,
                self._axes(),
                dict(self._safe_values()),
                self.request.names,
                (),
                self.mapping,
                self.check_cancelled,
            )
        except TableError as error:
            self._note(error.problems)
        except InputError as error:
            self._note([Problem(0, "", str(error))])
        self.problems.sort(key=lambda problem: problem.row)
        return None if self.problems else replace(found, skipped=tuple(self._left_out()))

    def _left_out(self) -> Iterator[Skipped]:
        cells = {row.number: row.cells for row in self.rows}
        for number, why in sorted(self.skipped.items()):
            yield Skipped(number, {name: written(cell) for name, cell in cells.get(number, {}).items()}, why)

    def explicit(self) -> BatchRequest:
        """The request with every column and the names made explicit, so that its meaning never changes."""
        said = {"mapping": self.mapping, "names": self.names, "skip": self.skipped, "skip_wrong": False}
        return self.request.model_copy(update=said)

    def checked(self) -> Batch:
        """The batch; raises TableError if there are problems."""
        if self.batch is None:
            raise TableError(self.problems)
        return self.batch

    def _note(self, problems: Iterable[Problem]) -> None:
        """Add problems, without hints for the command line; of each cell only the first."""
        there = {(row, column) for row, column, _ in self.problems if column}
        for row, column, reason in problems:
            if (row, column) not in there:
                said = reason.partition(" (--keep ")[0].replace("--grid ", "the grid ")
                self.problems.append(Problem(row, column, said))

    def _safe_rows(self) -> Iterator[Row]:
        """The rows that are not skipped, without cells that name something missing; those are problems."""
        for row in (row for row in self.rows if row.number not in self.skipped):
            self.check_cancelled()
            yield Row(row.number, dict(self._safe_cells(row)))

    def _safe_cells(self, row: Row) -> Iterator[tuple[str, Cell]]:
        for column, cell in row.cells.items():
            try:
                yield column, self._safe(self.mapping.get(column, column), cell)
            except InputError as error:
                self.problems.append(Problem(row.number, column, _reason(error)))

    def _safe_values(self) -> Iterator[tuple[str, Any]]:
        for name, value in self.request.values.items():
            yield name, self._safe(name, value)

    def _axes(self) -> Iterator[Axis]:
        for axis in map(Axis.parse, self.request.grid):
            yield Axis(axis.name, tuple(self._safe(axis.name, value) for value in axis.values))

    def _safe(self, name: str, value: Any) -> Any:
        control, output = self.controls.get(fold(name).partition(".")[0]), self.settings.output.absolute()
        return uploads.named_here(control, value, output, self._library) if control else value

    @cached_property
    def _library(self) -> Library:
        return Library.of(self.settings)


def _by_row(problems: Iterable[Problem]) -> dict[int, str]:
    """All problems of each row, in one line."""
    found: dict[int, list[str]] = {}
    for row, column, reason in problems:
        found.setdefault(row, []).append(f"{column}: {reason}" if column else reason)
    return {row: "; ".join(reasons) for row, reasons in found.items()}


def _reason(error: InputError) -> str:
    return next(iter(error.wrong.values()), str(error))
