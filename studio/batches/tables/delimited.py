"""Tables as text: cells parted by commas, semicolons or tabs (CSV as in RFC 4180)."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from studio.batches.tables.table import Table, of_lines
from studio.batches.tables.text import decoded
from studio.errors import InputError

_MARKS: Final = ",;\t"
_SEEN: Final = 10_000  # letters of the first line that tell what parts it


def read(file: Path, encoding: str = "", mark: str = "") -> Table:
    """The table in a file; without ``mark``, parted by what parts its first line into most cells.

    Raises InputError for one that cannot be parted into cells.
    """
    text = decoded(file, encoding)
    return of_lines(_lines(text, mark or _mark(text)), whole=True)


def _mark(text: str) -> str:
    first = next((line.strip("\n") for line in io.StringIO(text, newline=None) if line.strip()), "")[:_SEEN]
    return max(_MARKS, key=lambda mark: len(next(csv.reader([first], delimiter=mark))))


def _lines(text: str, mark: str) -> Iterator[list[str]]:
    """Each row's cells, without the blanks around them; a quoted cell may hold line breaks."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        for row in rows:
            yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise InputError(
            f"line {rows.line_num} cannot be read ({error}); look for a quote too many or too few"
        ) from None
