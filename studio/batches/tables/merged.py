"""Merged cells of a worksheet: the value of the first cell holds for every row below it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

from studio.batches.tables.table import MOST_LINES, Unread, says, too_many_rows
from studio.errors import InputError


class MergedBlock(NamedTuple):
    """Cells that are merged into one: its first column and its last (from 0), and its last row."""

    column: int
    last_column: int
    last_row: int


@dataclass
class MergedCells:
    """The merged cells of a sheet, by the row they begin in."""

    blocks: dict[int, list[MergedBlock]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, sheet: Any) -> "MergedCells":
        """Those of a worksheet that openpyxl reads row by row: its file lists them after the rows.

        Raises InputError if there are too many rows, or rows or cells are out of order, since openpyxl drops those that
        come too late.
        """
        from openpyxl.utils import range_boundaries
        from openpyxl.xml.functions import iterparse

        found, last = cls(), 0
        with sheet._get_source() as source:
            for _, element in iterparse(source):
                if element.tag.endswith("}mergeCell"):
                    bounds: Any = range_boundaries(element.get("ref", ""))
                    left, top, right, bottom = bounds
                    found.blocks[top].append(MergedBlock(left - 1, right - 1, bottom))
                if element.tag.endswith("}row"):
                    last = _number(element, last)
                    element.clear()
        return found

    def filled(self, lines: Iterable[list[Any]]) -> Iterator[list[Any]]:
        """The lines, counted from 1; those with content of their own get the values of cells merged over them.

        What would be a guess is unreadable: a value merged over several columns, or with the header.
        """
        held: dict[int, tuple[Any, int]] = {}  # by column, with the last row it holds for
        named = False  # whether the header has been read
        for n, line in enumerate(lines, 1):
            row = _with(line, {column: value for column, (value, last) in held.items() if n <= last})
            for block in self.blocks.get(n, ()):
                value = line[block.column] if block.column < len(line) else None
                if says(value):
                    held[block.column] = (value if named else _NAME, block.last_row)
                if says(value) and block.last_column > block.column:
                    held[block.column + 1] = (_BESIDE, block.last_row)
                    row = _with(row, {block.column + 1: _BESIDE})
            named = named or any(map(says, line))
            yield row if any(map(says, line)) else line


def _number(row: Any, before: int) -> int:
    """The number of a row of the file, counted from 1; rows and cells need not say which they are."""
    number = int(row.get("r", before + 1))
    if number > MOST_LINES:
        raise too_many_rows()
    columns = [(len(name), name) for cell in row if (name := cell.get("r", "").rstrip("0123456789"))]
    if number <= before or any(one >= next_one for one, next_one in pairwise(columns)):
        raise InputError(f"row {number} or a cell of it is out of order or duplicated; save it again as .xlsx")
    return number


_NAME: Final = Unread("is merged with the name of its column; unmerge the cells")
_BESIDE: Final = Unread("is merged with the one before it, so its column is not clear; unmerge the cells")


def _with(line: list[Any], cells: Mapping[int, Any]) -> list[Any]:
    """The line with these cells in their columns."""
    row = line + [None] * (max(cells, default=-1) + 1 - len(line))
    return [cells.get(column, cell) for column, cell in enumerate(row)]
