"""A table in a cell: the rows of a file, or their problems."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice
from typing import Final, NamedTuple

_MAX_ROWS: Final = 200


class Table:
    """Shows ``rows``, which are dicts or named tuples, with ``columns`` or those of the first row."""

    def __init__(self, rows: "Iterable[Mapping[str, object] | NamedTuple]", columns: Sequence[str] = ()) -> None:
        dicts = [row if isinstance(row, Mapping) else row._asdict() for row in islice(rows, _MAX_ROWS + 1)]
        self.columns = tuple(columns or (dicts[0] if dicts else ()))
        self.rows = [[str(row.get(column, "")) for column in self.columns] for row in dicts[:_MAX_ROWS]]
        self._more = len(dicts) > _MAX_ROWS

    def __repr__(self) -> str:
        return "\n".join("  ".join(cells) for cells in (self.columns, *self.rows))

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align: left">{escape(column)}</th>' for column in self.columns)
        rows = "".join(f"<tr>{''.join(map(_cell, cells))}</tr>" for cells in self.rows)
        more = f"<p>Only the first {_MAX_ROWS} rows are shown.</p>" if self._more else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _cell(text: str) -> str:
    return f'<td style="text-align: left">{escape(text)}</td>'
