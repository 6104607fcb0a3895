"""Tables as JSON Lines: an object a line, its keys the columns."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.batches.tables.table import Table, of_records
from studio.batches.tables.text import decoded
from studio.errors import Problem


def read(file: Path, encoding: str = "") -> Table:
    """The table in a file; rows have the numbers of their lines. A line that is no object is a problem."""
    problems: list[Problem] = []
    table = of_records(_records(decoded(file, encoding), problems))
    return replace(table, problems=(*problems, *table.problems))


def _records(text: str, problems: list[Problem]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for n, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield n, _record(line)
            except (ValueError, RecursionError) as error:
                problems.append(Problem(n, "", f"is no JSON object: {error}"))


def _record(line: str) -> dict[str, Any]:
    found = json.loads(line, object_pairs_hook=_once)
    if not isinstance(found, dict):
        raise ValueError("write {…}")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a key stands in it twice")
    return record
