"""Tables as text: cells separated by commas, semicolons or tabs (CSV as in RFC 4180).

A first line ``sep=;`` names the separator, as Excel reads and writes it, and is not a row.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from studio.batches.tables.table import BatchTable, of_lines
from studio.batches.tables.text import decoded
from studio.errors import InputError

_MARKS: Final = ",;\t"
_LONGEST: Final = 4_000_000  # characters of a line
_MOST_LINES: Final = 1_000_000  # a quoted cell may hold several
_SEEN: Final = 10_000  # characters of the first line from which the separator is detected
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?[ \t,;]*(?:\r\n|\r|\n|$)', re.IGNORECASE)


def read(file: Path, encoding: str = "", mark: str = "") -> BatchTable:
    """The table in a file; without ``mark``, the separator is the one that splits its first line into most cells.

    Raises InputError for a file that cannot be split into cells.
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
        raise InputError(
            f"{mark!r} cannot separate cells; write sep=; or another separator into the first line"
        ) from None
    try:
        for row in rows:
            yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise InputError(f"line {rows.line_num} cannot be read ({error}); look for a missing or extra quote") from None


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers and line ends, of any kind; raises InputError for a line that is too long."""
    lines = io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8", "surrogatepass", newline="")
    for n, line in enumerate(iter(lambda: lines.readline(_LONGEST), ""), 1):
        if len(line) == _LONGEST:
            raise InputError(f"line {n} is over {_LONGEST:,} characters long; look for missing line breaks")
        if n > _MOST_LINES:
            raise InputError(f"it has over {_MOST_LINES:,} lines, empty ones included; split it into several tables")
        yield n, line
