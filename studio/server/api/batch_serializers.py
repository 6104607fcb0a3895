"""Batches, tables and what is wrong with them as JSON. Pictures go by their addresses, never by a path."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from studio.batches import contact_sheet_html, manifest
from studio.batches.columns import written
from studio.batches.forecast import foreseen
from studio.batches.task import Task
from studio.errors import InputError, Problem
from studio.files.untrusted import is_file
from studio.images.image_file import open_stored
from studio.runtime.events import Event, Loading, Queued, Step
from studio.runtime.session import Session
from studio.server.api import serializers
from studio.server.batch_request import Reading
from studio.server.batch_run import RowDone
from studio.server.batch_store import BatchStatus
from studio.ui import uploads
from studio.workflow.workflow import Workflow

_ROWS, _PROBLEMS, _EXAMPLES = 50, 200, 3  # that are shown
_WORDS: Final[dict[type[Event], str]] = {Queued: "Waits until another batch is done", Loading: "Getting ready"}
FILES: Final = (manifest.TABLE, manifest.LINES, contact_sheet_html.PAGE)
"""What can be fetched of a batch besides its pictures."""


def reading(asked: Reading, session: Session) -> dict[str, Any]:
    """How a table is understood, what is wrong with it, and what making it would take where that is known."""
    batch = asked.batch
    tasks = batch.tasks if batch else ()
    return {
        "columns": [_column(asked, name) for name in asked.table.columns],
        "inputs": [{"name": one.name, "label": one.label, "required": one.required} for one in asked.controls.values()],
        "rows": list(islice(_rows(asked), _ROWS)),
        "total_rows": len(asked.table.rows),
        "names": asked.names,
        "examples": [task.place.as_posix() for task in tasks[:_EXAMPLES]],
        "pictures": len({task.key for task in tasks}) if batch else None,
        "plan": _plan(tasks, session) if batch else None,
        "problems": [_problem(one, session.settings.output) for one in asked.problems[:_PROBLEMS]],
        "total_problems": len(asked.problems),
        "wrong_rows": asked.wrong_rows,
        "skipped": [{"row": row, "reason": _told(why, session.settings.output)} for row, why in asked.skipped.items()],
    }


def _problem(one: Problem, output: Path) -> dict[str, Any]:
    return {"row": one.row, "column": one.column, "reason": _told(one.reason, output)}


def _told(text: str, output: Path) -> str:
    """What is said of files, by their places in the output folder."""
    return text.replace(f"{output.absolute()}{os.sep}", "")


def _column(asked: Reading, name: str) -> dict[str, Any]:
    """A column and what it is for: an input's name, "" for none, nothing where nobody can tell."""
    return {"name": name, "input": asked.mapping.get(name)}


def _rows(asked: Reading) -> Iterator[dict[str, Any]]:
    """The rows; those with something wrong come first, where there are more than are shown."""
    wrong = {one.row for one in asked.problems} | asked.skipped.keys()
    rows: Sequence[Any] = asked.rows
    if len(rows) > _ROWS:
        rows = sorted(rows, key=lambda row: row.number not in wrong)
    for row in rows:
        yield {"row": row.number, "cells": {name: written(cell) for name, cell in row.cells.items()}}


def _plan(tasks: Sequence[Task], session: Session) -> str | None:
    output = session.settings.output.absolute()
    plan = foreseen(tasks, output / "batches" / "not there yet", [output], session)
    return plan.short() if plan else None


def look(one: BatchStatus, output: Path) -> dict[str, Any]:
    """A batch: what it is, how it stands, and where its lists are."""
    return {
        "name": one.name,
        "title": one.kept.title,
        "workflow": _title(one.kept.workflow),
        "begun": one.kept.begun,
        "state": one.state,
        "problem": _told(one.problem, output),
        "pictures": one.kept.pictures,
        "made": one.count("made"),
        "failed": one.count("failed"),
        "blocked": one.count("blocked"),
        "left": one.left,
        "skipped": len(one.kept.skip),
        "files": {file: _file(one.name, file) for file in FILES if is_file(one.folder / file)},
        "zip": f"/api/batches/{quote(one.name)}/zip",
    }


def _title(name: str) -> str:
    try:
        return Workflow.load(name).definition.title
    except InputError:  # it is not here any more
        return name


def _file(batch: str, file: str) -> str:
    return f"/api/batches/{quote(batch)}/files/{quote(file)}"


def row(task: Task, batch: BatchStatus, output: Path) -> dict[str, Any]:
    """A task of a batch, and what became of it: "made", "failed", "blocked" or "waiting"."""
    entry = batch.entries.get(task.key)
    file = entry.file if entry and entry.status == "made" else task.place.as_posix()
    return {
        "row": task.row,
        "key": task.key,
        "file": file,
        "status": entry.status if entry else "waiting",
        "problem": _told(entry.problem, output) if entry else "",
        "url": _address(batch.folder / file, output) if entry and entry.status == "made" else None,
        "prompt": _prompt(task),
        "size": _size(batch.folder / file) if entry and entry.status == "made" else None,
        "cells": dict(task.cells),
    }


def _prompt(task: Task) -> str:
    """What it shall show in words; "" for a workflow whose inputs have no such name."""
    said = task.job.values.get("prompt")
    return ", ".join(map(str, said)) if isinstance(said, list) else str(said or "")


def _size(path: Path) -> list[int] | None:
    """Width and height of a picture; None where it cannot be read."""
    try:
        return list(open_stored(path).size)
    except InputError:
        return None


def _address(path: Path, output: Path) -> str | None:
    name = uploads.picture_id(output, path)
    return f"/api/pictures/{quote(name)}" if name else None


def event(what: Event, output: Path) -> dict[str, Any]:
    """An event of a batch, with its words for people as ``text``."""
    if isinstance(what, RowDone):
        url = _address(Path(what.file), output) if what.file else None
        return {
            "key": what.key,
            "status": "made" if url else "failed",
            "problem": _told(what.problem, output),
            "url": url,
            "size": _size(Path(what.file)) if url else None,
        }
    text = _WORDS.get(type(what)) or serializers.words(what)
    data = {**what.data(), "text": _told(text, output)}
    return {**data, "fraction": _fraction(what)} if isinstance(what, Step) else data


def _fraction(step: Step) -> float:
    return (step.picture - 1 + step.step / max(1, step.steps)) / step.pictures
