"""Tables as JSON Lines: an object per line, whose keys are the columns."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.batches.tables.table import MOST_LINES, BatchTable, of_records
from studio.batches.tables.text import decoded
from studio.errors import InputError, Problem
from studio.files import strict_json


def read(file: Path, encoding: str = "") -> BatchTable:
    """The table in a file; rows have the numbers of their lines. A line that is not an object is a problem."""
    problems: list[Problem] = []
    table = of_records(_records(decoded(file, encoding), problems))
    return replace(table, problems=(*problems, *table.problems))


def _records(text: str, problems: list[Problem]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for n, line in enumerate(io.StringIO(text, newline="\n"), 1):
        if n > MOST_LINES:
            raise InputError(f"it has over {MOST_LINES:,} lines; split it into several tables")
        if line.strip():
            try:
                yield n, _record(line)
            except ValueError as error:
                problems.append(Problem(n, "", f"is not a JSON object: {error}"))


def _record(line: str) -> dict[str, Any]:
    found = strict_json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("write {…}")
    return found
