"""A table that a cell shows: rows of a file, or what is wrong with them."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice
from typing import Final, NamedTuple

_MOST: Final = 200  # rows that can be read at once


class Table:
    """Shows ``rows``, which are dicts or named tuples, with ``columns`` or all that the first has."""

    def __init__(self, rows: "Iterable[Mapping[str, object] | NamedTuple]", columns: Sequence[str] = ()) -> None:
        given = [row if isinstance(row, Mapping) else row._asdict() for row in islice(rows, _MOST + 1)]
        self.columns = tuple(columns or (given[0] if given else ()))
        self.rows = [[str(row.get(column, "")) for column in self.columns] for row in given[:_MOST]]
        self._more = len(given) > _MOST

    def __repr__(self) -> str:
        return "\n".join("  ".join(cells) for cells in (self.columns, *self.rows))

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align: left">{escape(column)}</th>' for column in self.columns)
        rows = "".join(f"<tr>{''.join(map(_cell, cells))}</tr>" for cells in self.rows)
        more = f"<p>Only the first {_MOST} rows are shown.</p>" if self._more else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _cell(text: str) -> str:
    return f'<td style="text-align: left">{escape(text)}</td>'
