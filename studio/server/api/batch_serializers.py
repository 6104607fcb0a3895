"""Batches, tables and their problems as JSON. Pictures have addresses, never paths."""

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
from studio.server.batch_request import BatchDraft
from studio.server.batch_run import RowDone
from studio.server.batch_store import BatchStatus
from studio.ui import uploads
from studio.workflow.workflow import Workflow

_ROWS, _PROBLEMS, _EXAMPLES = 50, 200, 3  # that are shown
_WORDS: Final[dict[type[Event], str]] = {Queued: "Waits until another batch is done", Loading: "Getting ready"}
FILES: Final = (manifest.TABLE, manifest.LINES, contact_sheet_html.PAGE)
"""The files of a batch that can be fetched, other than its pictures."""


def draft(one: BatchDraft, session: Session) -> dict[str, Any]:
    """What a table means, its problems, and what making it would take if that is known."""
    batch = one.batch
    tasks = batch.tasks if batch else ()
    return {
        "columns": [_column(one, name) for name in one.table.columns],
        "inputs": [{"name": it.name, "label": it.label, "required": it.required} for it in one.controls.values()],
        "rows": list(islice(_rows(one), _ROWS)),
        "total_rows": len(one.table.rows),
        "names": one.names,
        "examples": [task.place.as_posix() for task in tasks[:_EXAMPLES]],
        "pictures": len({task.key for task in tasks}) if batch else None,
        "plan": _plan(tasks, session) if batch else None,
        "problems": [_problem(problem, session.settings.output) for problem in one.problems[:_PROBLEMS]],
        "total_problems": len(one.problems),
        "wrong_rows": one.wrong_rows,
        "skipped": [
            {"row": row, "reason": _relative(why, session.settings.output)} for row, why in one.skipped.items()
        ],
    }


def _problem(one: Problem, output: Path) -> dict[str, Any]:
    return {"row": one.row, "column": one.column, "reason": _relative(one.reason, output)}


def _relative(text: str, output: Path) -> str:
    """A text about files, with paths relative to the output folder."""
    return text.replace(f"{output.absolute()}{os.sep}", "")


def _column(draft: BatchDraft, name: str) -> dict[str, Any]:
    """A column and its input: "" for none, null if it is not clear."""
    return {"name": name, "input": draft.mapping.get(name)}


def _rows(draft: BatchDraft) -> Iterator[dict[str, Any]]:
    """The rows; those with problems come first if there are more than are shown."""
    wrong = {one.row for one in draft.problems} | draft.skipped.keys()
    rows: Sequence[Any] = draft.rows
    if len(rows) > _ROWS:
        rows = sorted(rows, key=lambda row: row.number not in wrong)
    for row in rows:
        yield {"row": row.number, "cells": {name: written(cell) for name, cell in row.cells.items()}}


def _plan(tasks: Sequence[Task], session: Session) -> str | None:
    output = session.settings.output.absolute()
    plan = foreseen(tasks, output / "batches" / "not there yet", [output], session)
    return plan.short() if plan else None


def status(one: BatchStatus, output: Path) -> dict[str, Any]:
    """A batch: what it is, its state, and where its files are."""
    return {
        "name": one.name,
        "title": one.stored.title,
        "workflow": _title(one.stored.workflow),
        "begun": one.stored.begun,
        "state": one.state,
        "problem": _relative(one.problem, output),
        "pictures": one.stored.pictures,
        "made": one.count("made"),
        "failed": one.count("failed"),
        "blocked": one.count("blocked"),
        "left": one.left,
        "skipped": len(one.stored.skip),
        "files": {file: _file(one.name, file) for file in FILES if is_file(one.folder / file)},
        "zip": f"/api/batches/{quote(one.name)}/zip",
    }


def _title(name: str) -> str:
    try:
        return Workflow.builtin(name).definition.title
    except InputError:  # it is gone
        return name


def _file(batch: str, file: str) -> str:
    return f"/api/batches/{quote(batch)}/files/{quote(file)}"


def row(task: Task, batch: BatchStatus, output: Path) -> dict[str, Any]:
    """A task of a batch, and its status: "made", "failed", "blocked" or "waiting"."""
    entry = batch.entries.get(task.key)
    file = entry.file if entry and entry.status == "made" else task.place.as_posix()
    return {
        "row": task.row,
        "key": task.key,
        "file": file,
        "status": entry.status if entry else "waiting",
        "problem": _relative(entry.problem, output) if entry else "",
        "url": _address(batch.folder / file, output) if entry and entry.status == "made" else None,
        "prompt": _prompt(task),
        "size": _size(batch.folder / file) if entry and entry.status == "made" else None,
        "cells": dict(task.cells),
    }


def _prompt(task: Task) -> str:
    """Its prompt; "" for a workflow without such an input."""
    said = task.job.values.get("prompt")
    return ", ".join(map(str, said)) if isinstance(said, list) else str(said or "")


def _size(path: Path) -> list[int] | None:
    """Width and height of a picture; None if it cannot be read."""
    try:
        return list(open_stored(path).size)
    except InputError:
        return None


def _address(path: Path, output: Path) -> str | None:
    name = uploads.picture_id(output, path)
    return f"/api/pictures/{quote(name)}" if name else None


def event(what: Event, output: Path) -> dict[str, Any]:
    """An event of a batch, with a description as ``text``."""
    if isinstance(what, RowDone):
        url = _address(Path(what.file), output) if what.file else None
        return {
            "key": what.key,
            "status": "made" if url else "failed",
            "problem": _relative(what.problem, output),
            "url": url,
            "size": _size(Path(what.file)) if url else None,
        }
    text = _WORDS.get(type(what)) or serializers.words(what)
    data = {**what.data(), "text": _relative(text, output)}
    return {**data, "fraction": _fraction(what)} if isinstance(what, Step) else data


def _fraction(step: Step) -> float:
    return (step.picture - 1 + step.step / max(1, step.steps)) / step.pictures
