"""A batch as somebody asks for it from a browser or over HTTP: a table, and what is to be done with it.

A table comes from elsewhere. What its cells name is looked up here as in ``uploads``: pictures by their ids, models and
LoRAs by their names, never a path.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from studio.axes import Axis
from studio.batches import places, tasks
from studio.batches.batch import Batch
from studio.batches.columns import fold
from studio.batches.tables import files
from studio.batches.tables.table import Cell, Row, Table
from studio.config import Settings
from studio.errors import InputError, Problem, TableError
from studio.plugins import unknown
from studio.surfaces import uploads
from studio.surfaces.controls import Control, controls
from studio.workflow import Workflow

_NEAR: Final = 0.75  # how like an input's name a column's is that must be a slip


class Asked(BaseModel):
    """What to make of a table.

    ``mapping`` says of columns which input they are for, or "" for none; without it they are taken as ``Reading`` does.
    ``values`` hold for all rows, ``grid`` has lines as "steps=10,20", and ``names`` is a template for the files' names.
    ``encoding`` is that of a text file that is neither UTF-8 nor UTF-16.
    """

    model_config = ConfigDict(extra="forbid")
    workflow: str
    mapping: dict[str, str] = {}
    values: dict[str, Any] = {}
    grid: list[str] = []
    names: str = ""
    encoding: str = ""


def table(content: bytes, name: str, encoding: str = "") -> Table:
    """The table in a file that came as bytes; raises InputError where it cannot be read."""
    with TemporaryDirectory(prefix="studio-") as folder:
        path = Path(folder) / f"table{ending(name)}"
        path.write_bytes(content)
        return files.read(path, encoding)


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
    ``going`` is called now and then while it is worked out; what it raises ends that.
    """

    asked: Asked
    table: Table
    settings: Settings
    going: Callable[[], None] = _on
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def workflow(self) -> Workflow:
        """The workflow, which came with the studio; raises InputError for any other."""
        return uploads.workflow(self.asked.workflow)

    @cached_property
    def controls(self) -> dict[str, Control]:
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
        return self.asked.names or places.default(self.table.columns, self.workflow.inputs())

    @cached_property
    def batch(self) -> Batch | None:
        """The batch, where nothing is wrong; else all that is goes into ``problems``."""
        try:
            rows = replace(self.table, rows=tuple(self._safe_rows()))
            found = tasks.batch(
                self.workflow,
                rows,
                self._axes(),
                dict(self._safe_values()),
                self.asked.names,
                (),
                self.settings.wildcards,
                self.mapping,
                self.going,
            )
        except TableError as error:
            self._note(error.problems)
        except InputError as error:
            self._note([Problem(0, "", str(error))])
        self.problems.sort(key=lambda problem: problem.row)
        return None if self.problems else found

    def settled(self) -> Asked:
        """What was asked with every column and the names said, so that it is understood the same way ever after."""
        return self.asked.model_copy(update={"mapping": self.mapping, "names": self.names})

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
        """The rows, without cells that name what is not here; those are problems."""
        for row in self.table.rows:
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
        control = self.controls.get(fold(name).partition(".")[0])
        return uploads.named_here(control, value, self.settings.output.absolute()) if control else value


def _reason(error: InputError) -> str:
    return next(iter(error.wrong.values()), str(error))
