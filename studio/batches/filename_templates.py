"""Names of a batch's files, and folders, from a template with its columns and inputs as fields.

    {language}/{sku}-{size}-{n}     de/4711-512x512-1.png

A column's field has the text of the cell, an input's the value it became. The other fields are

    {item}   what distinguishes a row's pictures and has no field of its own in the template: the values of axes and
             lists and, from the second picture on, the number
    {n}      the number among the pictures of a row and a combination, from 1
    {key}    ten characters that identify the picture, whatever other rows there are
    {row}    the row's number, which changes if a row is inserted before it: then its picture is made again
    {workflow}, {model}, {seed}

The rest is as in ``pictures.file_names``; only slashes in the template itself separate folders.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from studio.batches.columns import Choice, Columns, fold, written
from studio.batches.tables.table import Row
from studio.batches.task import Task
from studio.pictures import file_names

_OWN: Final = ("item", "n", "key", "row", "workflow", "model", "seed")
_NAMING: Final = ("file", "file_name", "filename", "name", "id", "sku")


def fields(template: str) -> set[str]:
    """The folded names of a template's fields."""
    return {fold(name) for name in re.findall(r"\{([^{}]*)\}", template)}


def default(columns: Iterable[str], inputs: Iterable[str]) -> str:
    """A template whose names do not change when rows are inserted: from a column that names things, else from the
    prompt and the key.

    With such a column, two rows with the same name are a problem.
    """
    folded = {fold(column) for column in columns}
    named = next((name for name in _NAMING if name in folded), None)
    if named:
        return f"{{{named}}}-{{item}}"
    lead = next((name for name in ("prompt", "title", "subject") if name in inputs), "workflow")
    return f"{{{lead}}}-{{key}}-{{item}}"


class FileNames:
    """Gives each task a file of its own.

    Raises InputError for a template with an unknown field, or one that leaves the batch's folder.
    """

    def __init__(self, template: str, columns: Columns) -> None:
        known = sorted({*_OWN, *columns.known - {"count"}, *columns.others, *columns.axes})
        folded = re.sub(r"\{[^{}]*\}", lambda field: fold(field[0]), template.removesuffix(".png"))
        self._parts = [file_names.check(part, known) for part in folded.split("/")]
        self._fields, self._columns = fields(template), columns
        self._taken: dict[str, Task] = {}

    def put(self, task: Task, row: Row, choice: Choice, n: int) -> Task:
        """The task with its place, as picture ``n`` (from 1) of a row and a choice.

        Raises ValueError if an earlier task has that place.
        """
        values = self._values(task, row, choice, n)
        *folders, file = (file_names.fill(part, values, f"picture-{n}") for part in self._parts)
        placed = replace(task, place=PurePosixPath(*folders, f"{file}.png"))
        if (first := self._taken.setdefault(_folded(placed.place), placed)) is not placed:
            raise ValueError(_twice(first, placed))
        return placed

    def _values(self, task: Task, row: Row, choice: Choice, n: int) -> dict[str, str]:
        """The value of each field; a column takes precedence over anything else with its name."""
        job, others = task.job, self._columns.others
        apart = {name: _text(job.value(name)) for name in job.lists()} | dict(choice) | {"n": str(n) if n > 1 else ""}
        own = {
            "item": " ".join(text for name, text in apart.items() if text and name not in self._fields),
            "n": str(n),
            "key": task.key[:10],
            "row": str(row.number),
            "workflow": job.workflow,
            "model": Path(next(iter(job.models()), "")).name,
            "seed": str(job.seed),
        }
        values = {name: _text(job.value(name)) for name in self._fields - own.keys()}
        cells = {name: written(row.cells.get(others[name], "")) for name in self._fields & others.keys()}
        return values | own | dict(choice) | cells


def _folded(place: PurePosixPath) -> str:
    """The place as case-insensitive file systems compare it, with the same Unicode normalisation."""
    return unicodedata.normalize("NFC", str(place).casefold())


def _twice(first: Task, second: Task) -> str:
    other = f"row {first.row}" if first.row != second.row else "another picture of this row"
    if first.key == second.key:
        return f"requests the same picture as {other}; leave one out, or give it another seed"
    return f"its file would be '{second.place}', as that of {other}; tell them apart by {{item}} or {{key}} in the name"


def _text(value: Any) -> str:
    """An input's value in a name; "own" if it is left to the model."""
    return " ".join(map(str, value)) if isinstance(value, list) else "own" if value is None else str(value)
