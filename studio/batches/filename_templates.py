"""Where a batch's pictures go: file names, and folders, from a template over its columns and inputs.

    {language}/{sku}-{size}-{n}     de/4711-512x512-1.png

A column's field says what the cell says, an input's what was made of it. Besides there are

    {item}   what tells a row's pictures apart and is not named by itself: the values of axes and lists and, from the
             second on, the number
    {n}      the number among the pictures of a row and a combination, from 1
    {key}    ten letters and digits of the picture's own, the same whatever other rows there are
    {row}    the row's number, which changes where a row is put in before it: then its picture is made anew
    {workflow}, {model}, {seed}

The rest is as in ``record.names``; only the template itself parts folders.
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
    """A template that no row put in between changes: by the column that is made to name things, else by what is drawn.

    Two rows of one name are then a problem; the key tells all others apart.
    """
    folded = {fold(column) for column in columns}
    named = next((name for name in _NAMING if name in folded), None)
    if named:
        return f"{{{named}}}-{{item}}"
    lead = next((name for name in ("prompt", "title", "subject") if name in inputs), "workflow")
    return f"{{{lead}}}-{{key}}-{{item}}"


class Places:
    """Gives each task a place of its own.

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

        Raises ValueError where an earlier task has that place.
        """
        values = self._values(task, row, choice, n)
        *folders, file = (file_names.fill(part, values, f"picture-{n}") for part in self._parts)
        placed = replace(task, place=PurePosixPath(*folders, f"{file}.png"))
        if (first := self._taken.setdefault(_folded(placed.place), placed)) is not placed:
            raise ValueError(_twice(first, placed))
        return placed

    def _values(self, task: Task, row: Row, choice: Choice, n: int) -> dict[str, str]:
        """What goes into each field; a column comes before what else has its name."""
        job, others = task.job, self._columns.others
        apart = {name: _said(job.value(name)) for name in job.lists()} | dict(choice) | {"n": str(n) if n > 1 else ""}
        own = {
            "item": " ".join(text for name, text in apart.items() if text and name not in self._fields),
            "n": str(n),
            "key": task.key[:10],
            "row": str(row.number),
            "workflow": job.workflow,
            "model": Path(next(iter(job.models()), "")).name,
            "seed": str(job.seed),
        }
        asked = {name: _said(job.value(name)) for name in self._fields - own.keys()}
        cells = {name: written(row.cells.get(others[name], "")) for name in self._fields & others.keys()}
        return asked | own | dict(choice) | cells


def _folded(place: PurePosixPath) -> str:
    """The place as file systems compare it that tell neither "A" from "a" nor one way of writing "é" from another."""
    return unicodedata.normalize("NFC", str(place).casefold())


def _twice(first: Task, second: Task) -> str:
    other = f"row {first.row}" if first.row != second.row else "another picture of this row"
    if first.key == second.key:
        return f"asks for the same picture as {other}; leave one out, or give it another seed"
    return f"its file would be '{second.place}', as that of {other}; tell them apart by {{item}} or {{key}} in the name"


def _said(value: Any) -> str:
    """An input's value in a name; one that is left open is the model's own."""
    return " ".join(map(str, value)) if isinstance(value, list) else "own" if value is None else str(value)
