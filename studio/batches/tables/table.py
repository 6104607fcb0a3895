"""A table: rows of cells under named columns, from a file or from Python.

    sku, prompt, size
    4711, a red kettle, 512x512

Cells are text, whatever program wrote them; the inputs they are for parse them. Empty cells are left out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import isnan
from numbers import Number
from pathlib import Path
from typing import Any, Final, NamedTuple

from studio.errors import InputError, Problem
from studio.parameters.types import Size

MOST_ROWS: Final = 100_000
MOST_LINES: Final = 200_000
"""Rows of a file, including empty and unreadable ones."""
MOST_COLUMNS: Final = 1_000
MOST_CELLS: Final = 2_000_000
MOST_BYTES: Final = 100 * 10**6

Cell = str | list[str]
"""Text, or several texts if the input takes a list."""


class Unread(str):
    """A cell that cannot be read; the text says why."""


class Displayed(str):
    """A number, date or boolean as a spreadsheet shows it; ``plain`` is the value, for inputs that are not text."""

    plain: str

    @classmethod
    def of(cls, shown: str, value: Any) -> "Displayed":
        """Raises ValueError for a value that cannot be in a cell."""
        made = cls(shown)
        made.plain = text(value)
        return made


class Row(NamedTuple):
    """``number`` is as in a spreadsheet, where the header is row 1; records are counted from 1."""

    number: int
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class BatchTable:
    """``problems`` are rows that could not be read; paths in cells are relative to ``folder``."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    folder: Path = Path()
    problems: tuple[Problem, ...] = ()


def of_lines(lines: Iterable[Sequence[Any]]) -> BatchTable:
    """The table whose first line that is not empty names the columns; empty lines are ignored.

    A line may end before the last column. Raises InputError for columns without a name or with the same one, and for
    too many rows, columns or cells.
    """
    filled = ((n, line) for n, line in _bounded(lines) if any(map(says, line)))
    header = next(filled, None)
    if header is None:
        raise InputError("it is empty; write the columns' names into its first row")
    columns = _named(header[1])
    rows, problems = list[Row](), list[Problem]()
    for n, line in filled:
        if any(map(says, line[len(columns) :])):
            problems.append(Problem(n, "", f"has {len(line)} cells, and there are {len(columns)} columns"))
        else:
            _add(rows, problems, n, dict(zip(columns, line, strict=False)))
    return BatchTable(columns, tuple(rows), problems=tuple(problems))


def _bounded(lines: Iterable[Sequence[Any]]) -> Iterator[tuple[int, Sequence[Any]]]:
    """The lines with their numbers; raises InputError if there are more than a table may have."""
    cells = 0
    for n, line in enumerate(lines, 1):
        cells += len(line)
        if n > MOST_LINES:
            raise too_many_rows()
        if cells > MOST_CELLS:
            raise _too_many_cells()
        yield n, line


def too_many_rows() -> InputError:
    """The error for a table with too many rows."""
    return InputError(f"it has over {MOST_LINES:,} rows, empty ones included; split it into several tables")


def _too_many_cells() -> InputError:
    return InputError(f"it has over {MOST_CELLS:,} cells; leave columns out, or split it into several tables")


def says(cell: Any) -> bool:
    """Whether a cell has content other than blanks."""
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def of_records(records: Iterable[tuple[int, Mapping[Any, Any]]]) -> BatchTable:
    """The table of records, each with its number; their keys are the columns, in order of appearance."""
    columns, rows, problems, cells = dict[str, None](), list[Row](), list[Problem](), 0
    for n, record in records:
        cells += len(record)
        if cells > MOST_CELLS:
            raise _too_many_cells()
        given = {str(key).strip(): value for key, value in record.items()}
        columns |= dict.fromkeys(given)
        _refuse_columns(len(columns))
        _add(rows, problems, n, given)
    return BatchTable(_named(list(columns)), tuple(rows), problems=tuple(problems))


def of_python(rows: Any) -> BatchTable:
    """The table of dicts, one per row, or of a pandas data frame.

    Raises InputError for anything else.
    """
    if hasattr(rows, "notna") and hasattr(rows, "to_dict"):
        rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    found = list(rows) if isinstance(rows, Iterable) and not isinstance(rows, str | Mapping) else None
    if found is None or not all(isinstance(row, Mapping) for row in found):
        raise InputError("give a table as the path of a file, a list of dicts or a data frame")
    return of_records(enumerate(found, 1))


def _add(rows: list[Row], problems: list[Problem], n: int, given: Mapping[str, Any]) -> None:
    """Add a row, if it has any content, or the problems of its cells."""
    cells, right = dict[str, Cell](), True
    for column, value in given.items():
        try:
            cells |= {column: cell} if (cell := read(value)) else {}
        except ValueError as error:
            problems.append(Problem(n, column, str(error)))
            right = False
    if cells and right:
        if len(rows) == MOST_ROWS:
            raise InputError(f"it has over {MOST_ROWS:,} rows; split it into several tables")
        rows.append(Row(n, cells))


def read(value: Any) -> Cell:
    """A cell's text, "" if it is empty: numbers, dates and booleans as people write them.

    Raises ValueError for a value that cannot be in a cell.
    """
    if isinstance(value, Unread):
        raise ValueError(value)
    if isinstance(value, list | tuple) and not isinstance(value, Size):
        return [text(item) for item in value]
    return text(value)


def text(value: Any) -> str:
    """A single value as people write it; raises ValueError for a value that cannot be in a cell."""
    plain = value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value
    if plain is None or (isinstance(plain, float) and isnan(plain)):
        return ""
    if isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, float):
        return f"{plain:.15g}"  # as spreadsheets show it: 0.3, not 0.30000000000000004
    if isinstance(plain, datetime) and plain.time() == time():
        return plain.date().isoformat()
    if isinstance(plain, date | time):
        return plain.isoformat()
    if isinstance(plain, str | Number | Path | Size | timedelta):
        return plain if isinstance(plain, Displayed) else str(plain).strip()
    raise ValueError(f"a cell holds text, a number, or a list of them, not {type(plain).__name__}")


def _named(header: Sequence[Any]) -> tuple[str, ...]:
    if wrong := next((cell for cell in header if isinstance(cell, Unread)), None):
        raise InputError(f"among the columns' names, a cell {wrong}")
    names = [text(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    _refuse_columns(len(names))
    if "" in names:
        raise InputError(f"column {names.index('') + 1} has no name; write one into the first row")
    if twice := next((name for name, times in Counter(names).items() if times > 1), None):
        raise InputError(f"two columns are called '{twice}'; rename one")
    return tuple(names)


def _refuse_columns(count: int) -> None:
    if count > MOST_COLUMNS:
        raise InputError(f"it has over {MOST_COLUMNS:,} columns; leave out those that are not needed")
