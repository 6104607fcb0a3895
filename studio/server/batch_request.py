"""A batch as somebody asks for it from a browser or over HTTP: a table, and what is to be done with it.

A table comes from elsewhere. What its cells name is looked up here as in ``uploads``: pictures by their ids, models and
LoRAs by their names, never a path.
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
from studio.batches.tables.table import Cell, Row, Table
from studio.config import Settings
from studio.errors import InputError, Problem, TableError
from studio.library import Library
from studio.parameters.value_lists import Axis
from studio.plugins import unknown
from studio.ui import uploads
from studio.ui.controls import FormControl, controls
from studio.workflow.workflow import Workflow

_NEAR: Final = 0.75  # how like an input's name a column's is that must be a slip


class Asked(BaseModel):
    """What to make of a table.

    ``mapping`` says of columns which input they are for, or "" for none; without it they are taken as ``Reading`` does.
    ``cells`` are said instead of what the table's say, by row and column. ``skip`` are rows to leave out, and why; with
    ``skip_wrong`` those are left out too in which something is wrong. ``values`` hold for all rows, ``grid`` has lines
    as "steps=10,20", and ``names`` is a template for the files' names. ``encoding`` is that of a text file that is
    neither UTF-8 nor UTF-16.
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


def table(content: bytes, name: str, encoding: str = "") -> Table:
    """The table in a file that came as bytes; raises InputError where it cannot be read."""
    with uploads.temporary_file(content, called=f"table{ending(name)}") as path:
        try:
            return files.read(path, encoding)
        except InputError as error:  # which names our file
            reason = str(error).removeprefix(f"'{path.name}': ")
            raise InputError.about("table", re.sub(r"^it\b", "the table", reason)) from None


def ending(name: str) -> str:
    """That of a table's file; raises InputError for one of another kind."""
    found = PurePath(name).suffix.lower()
    if found not in files.ENDINGS:
        raise InputError(f"'{PurePath(name).name}' is no table the studio reads; save it as {', '.join(files.ENDINGS)}")
    return found


def _on() -> None:
    """It goes on."""


@dataclass(frozen=True)
class Reading:
    """How what was asked is understood; where ``problems`` has anything in it there is no ``batch``.

    A column is for the input of its name or label. One that is like no input's name is for none: its cells can name
    files. One that is nearly an input's name is most often a slip, and is a problem until somebody says what it is for.
    ``skipped`` are the rows that are left out and why, those found to be wrong among them.
    ``going`` is called now and then while it is worked out; what it raises ends that.
    """

    asked: Asked
    table: Table
    settings: Settings
    going: Callable[[], None] = _on
    problems: list[Problem] = field(default_factory=list)
    skipped: dict[int, str] = field(default_factory=dict)

    @cached_property
    def workflow(self) -> Workflow:
        """The workflow, which came with the studio; raises InputError for any other."""
        return uploads.workflow(self.asked.workflow)

    @cached_property
    def controls(self) -> dict[str, FormControl]:
        return {control.name: control for control in controls(self.workflow)}

    @cached_property
    def mapping(self) -> dict[str, str]:
        """What each column is for, by an input's name or "" for none; those nobody can tell are not in it."""
        if strange := next((name for name in self.asked.mapping if name not in self.table.columns), None):
            raise InputError.about("mapping", unknown("column", strange, self.table.columns))
        likely = {column: self._likely(column) for column in self.table.columns}
        return {column: name for column, name in likely.items() if name is not None} | self.asked.mapping

    def _likely(self, column: str) -> str | None:
        name, labels = fold(column), {fold(control.label): control.name for control in self.controls.values()}
        head = name.partition(".")[0]
        if head in self.controls or name in labels:
            return name if head in self.controls else labels[name]
        return None if get_close_matches(head, self.controls, 1, _NEAR) else ""

    @property
    def names(self) -> str:
        """The template for names that is used."""
        return self.asked.names or filename_templates.default(self.table.columns, self.workflow.inputs())

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The table's rows with the cells that are said instead; raises InputError for one that is not there."""
        there = {row.number: row for row in self.table.rows}
        for number, cells in self.asked.cells.items():
            if number not in there:
                raise InputError.about("cells", f"the table has no row {number}")
            if strange := next((name for name in cells if name not in self.table.columns), None):
                raise InputError.about("cells", unknown("column", strange, self.table.columns))
            said = {**there[number].cells, **{name: text.strip() for name, text in cells.items()}}
            there[number] = Row(number, {name: cell for name, cell in said.items() if cell})
        return tuple(there.values())

    @property
    def wrong_rows(self) -> int:
        """How many rows would have to be skipped; 0 where that would not do."""
        found = {problem.row for problem in self.problems}
        return 0 if 0 in found else len(found)

    @cached_property
    def batch(self) -> Batch | None:
        """The batch, where nothing is wrong; else all that is goes into ``problems``."""
        self.skipped.update(self.asked.skip)
        found = self._understood()
        if self.asked.skip_wrong and self.wrong_rows:
            self.skipped.update(_by_row(self.problems))
            self.problems.clear()
            found = self._understood()
        return found

    def _understood(self) -> Batch | None:
        """The batch of the rows that are not skipped, or all that is wrong with them."""
        try:
            unread = tuple(one for one in self.table.problems if one.row not in self.skipped)
            rows = replace(self.table, rows=tuple(self._safe_rows()), problems=unread)
            found = tasks.batch(
                self.workflow,
                self._library,
                rows,
                self._axes(),
                dict(self._safe_values()),
                self.asked.names,
                (),
                self.mapping,
                self.going,
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

    def settled(self) -> Asked:
        """What was asked with every column and the names said, so that it is understood the same way ever after."""
        said = {"mapping": self.mapping, "names": self.names, "skip": self.skipped, "skip_wrong": False}
        return self.asked.model_copy(update=said)

    def checked(self) -> Batch:
        """The batch; raises TableError where something is wrong."""
        if self.batch is None:
            raise TableError(self.problems)
        return self.batch

    def _note(self, problems: Iterable[Problem]) -> None:
        """Put problems among those there are, without what is to be typed on a command line; of a cell the first."""
        there = {(row, column) for row, column, _ in self.problems if column}
        for row, column, reason in problems:
            if (row, column) not in there:
                said = reason.partition(" (--keep ")[0].replace("--grid ", "the grid ")
                self.problems.append(Problem(row, column, said))

    def _safe_rows(self) -> Iterator[Row]:
        """The rows that are not skipped, without cells that name what is not here; those are problems."""
        for row in (row for row in self.rows if row.number not in self.skipped):
            self.going()
            yield Row(row.number, dict(self._safe_cells(row)))

    def _safe_cells(self, row: Row) -> Iterator[tuple[str, Cell]]:
        for column, cell in row.cells.items():
            try:
                yield column, self._safe(self.mapping.get(column, column), cell)
            except InputError as error:
                self.problems.append(Problem(row.number, column, _reason(error)))

    def _safe_values(self) -> Iterator[tuple[str, Any]]:
        for name, value in self.asked.values.items():
            yield name, self._safe(name, value)

    def _axes(self) -> Iterator[Axis]:
        for axis in map(Axis.parse, self.asked.grid):
            yield Axis(axis.name, tuple(self._safe(axis.name, value) for value in axis.values))

    def _safe(self, name: str, value: Any) -> Any:
        control, output = self.controls.get(fold(name).partition(".")[0]), self.settings.output.absolute()
        return uploads.named_here(control, value, output, self._library) if control else value

    @cached_property
    def _library(self) -> Library:
        return Library.of(self.settings)


def _by_row(problems: Iterable[Problem]) -> dict[int, str]:
    """All that is wrong with each row, in one line."""
    found: dict[int, list[str]] = {}
    for row, column, reason in problems:
        found.setdefault(row, []).append(f"{column}: {reason}" if column else reason)
    return {row: "; ".join(reasons) for row, reasons in found.items()}


def _reason(error: InputError) -> str:
    return next(iter(error.wrong.values()), str(error))
