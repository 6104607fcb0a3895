"""What a table's columns are for: inputs of the workflow, variants of an input, or file names.

    sku   prompt           size      title.en   title.de
    4711  a red kettle     512x512   Kettle     Kessel

Here ``prompt`` and ``size`` are inputs. A grid's axis that is not an input, ``language=en,de``, chooses between
``title.en`` and ``title.de``; a column ``title`` is used if the chosen cell is empty. ``sku`` is not an input, and is
accepted only if the name template or the user mentions it: an unused column is most often a misspelled input.

Names are compared without case, and blanks, dashes and underscores are the same. A column may also be assigned to an
input, whatever its name, or to none.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from studio.batches.tables.table import BatchTable, Cell, Displayed, Row
from studio.errors import InputError, Problem
from studio.parameters.value_lists import Axis
from studio.plugins import unknown
from studio.workflow.workflow import Workflow


def fold(name: str) -> str:
    """A name as it is compared: "Negative prompt" is "negative_prompt"."""
    return re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFC", name).strip().lower())


class Value(NamedTuple):
    """An input's value and where it was written: a row (0 for none of the table's) and a column."""

    value: Any
    row: int
    column: str


_NUMBERS: Final = ("slider", "number", "seed", "size", "toggle", "choice")
"""Kinds of inputs whose values are not text."""

Choice = Mapping[str, str]
"""One value of each axis, by the folded name of the axis."""

_Axes = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Columns:
    """``inputs`` and ``others`` are columns by their folded names, ``chosen`` the columns for one value of an axis, by
    input and that value. ``axes`` are by folded name, inputs or not. ``fixed`` values override the cells of all rows.
    ``pictures`` are the inputs whose cells are paths relative to ``folder``, ``numbers`` those that take a
    cell's number and not the text that a spreadsheet shows for it."""

    inputs: Mapping[str, str]
    chosen: Mapping[tuple[str, str], str]
    others: Mapping[str, str]
    axes: _Axes
    fixed: Mapping[str, Any]
    known: frozenset[str]
    pictures: frozenset[str]
    numbers: frozenset[str]
    folder: Path
    problems: tuple[Problem, ...] = field(default=())

    @classmethod
    def of(
        cls,
        workflow: Workflow,
        table: BatchTable,
        grid: Iterable[Axis],
        fixed: Mapping[str, Any],
        wanted: Iterable[str],
        mapping: Mapping[str, str] | None = None,
    ) -> Self:
        """The columns of a table. Those that are ``wanted`` need not be inputs ("all" for every column).

        ``mapping`` assigns columns with other names to an input, or to "" for none. Raises InputError for an invalid
        grid or fixed value; invalid columns are collected as problems.
        """
        known = frozenset(workflow.form().model_fields)
        kinds = {name: parameter.kind for name, parameter in workflow.inputs().items()}
        axes = _axes(grid)
        given = _given(fixed, axes, known)
        folded, problems = _folded(table.columns, mapping or {})
        inputs = {name: column for name, column in folded.items() if name in known}
        chosen = {pair: column for name, column in folded.items() if (pair := _pair(name, known))}
        others = {name: column for name, column in folded.items() if name not in known and not _pair(name, known)}
        wanted = {fold(name) for name in wanted}
        problems += _unused(others, wanted, known)
        others |= _renamed(table.columns, mapping or {}, {*known, *folded})
        problems += [
            *_unchosen(chosen, axes, known),
            *_idle_axes(axes, chosen, wanted, known),
            *_twice(axes, {**others, **folded}),
        ]
        pictures = frozenset(name for name, kind in kinds.items() if kind.takes == "pictures")
        numbers = frozenset(name for name in known if name not in kinds or kinds[name].name in _NUMBERS)
        return cls(inputs, chosen, others, axes, given, known, pictures, numbers, table.folder, tuple(problems))

    @property
    def combinations(self) -> int:
        """How many combinations of the axes' values there are."""
        return prod(map(len, self.axes.values()))

    def choices(self) -> Iterator[Choice]:
        """Every combination of the axes' values, the last axis turning fastest."""
        return (dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values()))

    def column(self, name: str, choice: Choice) -> str | None:
        """The column of an input, if there is one."""
        chosen = (self.chosen.get((name, word)) for word in self._words(choice))
        return next(filter(None, chosen), self.inputs.get(name))

    def values(self, row: Row, choice: Choice) -> dict[str, Value]:
        """A row's values, each with where it was written; an empty cell leaves the default."""
        chosen = {name: column for (name, word), column in self.chosen.items() if word in self._words(choice)}
        values = {
            name: Value(self._path(name, self._cell(name, row.cells[column]), self.folder), row.number, column)
            for columns in (self.inputs, chosen)
            for name, column in columns.items()
            if column in row.cells
        }
        typed = {name: (choice[name], "grid") for name in choice if name in self.known}
        typed |= {name: (value, "set") for name, value in self.fixed.items()}
        return values | {
            name: Value(self._path(name, value, Path()), 0, f"{where}, {name}")
            for name, (value, where) in typed.items()
        }

    def _words(self, choice: Choice) -> list[str]:
        """The values that choose columns: those of axes that are not inputs."""
        return [fold(word) for axis, word in choice.items() if axis not in self.known]

    def _cell(self, name: str, cell: Cell) -> Cell:
        return cell.plain if isinstance(cell, Displayed) and name in self.numbers else cell

    def _path(self, name: str, value: Any, folder: Path) -> Any:
        """The value; a picture as an absolute path, so that the task is the same in any working directory."""
        if name in self.pictures and isinstance(value, str | Path):
            return os.path.abspath(folder / value)  # noqa: PTH100  links are not resolved
        return value


def written(cell: Cell) -> str:
    """A cell as one text."""
    return cell if isinstance(cell, str) else ", ".join(cell)


def _axes(grid: Iterable[Axis]) -> dict[str, tuple[str, ...]]:
    axes: dict[str, tuple[str, ...]] = {}
    for axis in grid:
        if fold(axis.name) in axes:
            raise InputError(f"the grid has the axis '{axis.name}' twice; write its values into one")
        axes[fold(axis.name)] = axis.values
    return axes


def _given(fixed: Mapping[str, Any], axes: Iterable[str], known: Iterable[str]) -> dict[str, Any]:
    """The fixed values, by inputs' names."""
    given = {fold(name): value for name, value in fixed.items()}
    if strange := next((name for name in given if name not in known), None):
        raise InputError(unknown("input", strange, known))
    if both := next((name for name in axes if name in given), None):
        raise InputError(f"'{both}' is both an axis of the grid and a fixed value; leave one out")
    return given


def _folded(columns: Sequence[str], mapping: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Columns by the folded names of what they are for, without those that are for nothing."""
    folded: dict[str, str] = {}
    used = [column for column in columns if mapping.get(column, column)]
    problems = [
        Problem(0, column, _same(column, folded[name], mapping))
        for column in used
        if folded.setdefault(name := fold(mapping.get(column, column)), column) != column
    ]
    return folded, problems


def _same(column: str, other: str, mapping: Mapping[str, str]) -> str:
    if column in mapping or other in mapping:
        return f"is for the same input as the column '{other}'; choose another for one of them"
    return f"is the same as the column '{other}'; rename one"


def _renamed(columns: Iterable[str], mapping: Mapping[str, str], taken: set[str]) -> dict[str, str]:
    """Columns that a name template may use by their own name, whatever they are for."""
    own = {fold(column): column for column in columns if fold(mapping.get(column, column)) != fold(column)}
    return {name: column for name, column in own.items() if name not in taken and not _pair(name, taken)}


def _pair(name: str, known: Iterable[str]) -> tuple[str, str] | None:
    """ "title.de" as ("title", "de") where "title" is an input."""
    head, _, tail = name.partition(".")
    return (head, tail) if tail and head in known else None


def _unused(others: Mapping[str, str], wanted: set[str], known: Iterable[str]) -> Iterator[Problem]:
    for name, column in others.items():
        if not wanted & {name, "all"}:
            near = get_close_matches(name.partition(".")[0], known, n=1)
            meant = f"; did you mean '{near[0]}'?" if near else ""
            yield Problem(
                0, column, f"is not an input, and not in the file names{meant} (--keep '{column}' keeps it as it is)"
            )


def _unchosen(chosen: Mapping[tuple[str, str], str], axes: _Axes, known: Iterable[str]) -> Iterator[Problem]:
    """Columns for one value of an axis that no axis can choose, or more than one."""
    free = {name: set(map(fold, values)) for name, values in axes.items() if name not in known}
    for name in dict.fromkeys(name for name, _ in chosen):
        words = {word: column for (input_, word), column in chosen.items() if input_ == name}
        choosing = [axis for axis, values in free.items() if values & set(words)]
        if not choosing:
            example = f"--grid language={','.join(words)}"
            yield Problem(0, next(iter(words.values())), f"is not chosen by any axis; add one, for example {example}")
        if len(choosing) > 1:
            yield Problem(0, f"{name}.…", f"is chosen by several axes, {' and '.join(choosing)}; rename their values")
        if name in axes:
            yield Problem(0, f"{name}.…", f"'{name}' is an axis of the grid as well; leave one out")


def _idle_axes(
    axes: _Axes, chosen: Iterable[tuple[str, str]], wanted: set[str], known: Iterable[str]
) -> Iterator[Problem]:
    """Axes that are not inputs, choose no column and are not in file names."""
    words = {word for _, word in chosen}
    for name, values in axes.items():
        if name not in known and name not in wanted and not words & set(map(fold, values)):
            yield Problem(
                0, f"grid, {name}", f"{unknown('input', name, known)} (no column ends in .{values[0]} either)"
            )


def _twice(axes: Iterable[str], folded: Mapping[str, str]) -> Iterator[Problem]:
    for name in axes:
        if name in folded:
            yield Problem(0, folded[name], "is both a column and an axis of the grid; leave one out")
