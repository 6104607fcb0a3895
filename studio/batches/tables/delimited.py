"""Tables as text: cells parted by commas, semicolons or tabs (CSV as in RFC 4180).

A first line ``sep=;`` says what parts them, as Excel reads and writes it, and is no row.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from studio.batches.tables.table import Table, of_lines
from studio.batches.tables.text import decoded
from studio.errors import InputError

_MARKS: Final = ",;\t"
_LONGEST: Final = 4_000_000  # letters of a line
_MOST_LINES: Final = 1_000_000  # a quoted cell may hold several
_SEEN: Final = 10_000  # letters of the first line that tell what parts it
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?[ \t,;]*(?:\r\n|\r|\n|$)', re.IGNORECASE)


def read(file: Path, encoding: str = "", mark: str = "") -> Table:
    """The table in a file; without ``mark``, parted by what parts its first line into most cells.

    Raises InputError for one that cannot be parted into cells.
    """
    text = decoded(file, encoding)
    if said := _SEPARATOR.match(text):
        text, mark = text[said.end() :], said[1]
    return of_lines(_lines(text, mark or _mark(text)))


def _mark(text: str) -> str:
    first = next((line.strip("\r\n") for _, line in _whole_lines(text) if line.strip()), "")[:_SEEN]
    return max(_MARKS, key=lambda mark: len(next(csv.reader([first], delimiter=mark))))


def _lines(text: str, mark: str) -> Iterator[list[str]]:
    """Each row's cells, without the blanks around them; a quoted cell may hold line breaks."""
    try:
        rows = csv.reader((line for _, line in _whole_lines(text)), delimiter=mark, strict=True)
    except (TypeError, ValueError):
        raise InputError(f"{mark!r} cannot part cells; write sep=; or another mark into the first line") from None
    try:
        for row in rows:
            yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise InputError(
            f"line {rows.line_num} cannot be read ({error}); look for a quote too many or too few"
        ) from None


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers and ends, whichever end they have; raises InputError for one without end."""
    lines = io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8", "surrogatepass", newline="")
    for n, line in enumerate(iter(lambda: lines.readline(_LONGEST), ""), 1):
        if len(line) == _LONGEST:
            raise InputError(f"line {n} is over {_LONGEST:,} letters long; look for line breaks that were lost")
        if n > _MOST_LINES:
            raise InputError(f"it has over {_MOST_LINES:,} lines, empty ones counted; part it into several tables")
        yield n, line
