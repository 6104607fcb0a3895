"""Runs, events and forms as JSON. Pictures go by their place in the output folder, never by a path."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from studio.imports.importing import Imported
from studio.pictures.picture import Picture
from studio.runtime.events import Event, Failed, Loading, Made, Queued, Stalled, Step
from studio.runtime.run_handle import RunStatus
from studio.ui.phrases import progress
from studio.ui.uploads import picture_id
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

_SAID = {"done": "Done", "cancelled": "Stopped", "interrupted": "Interrupted: the studio was closed meanwhile"}


def run(one: RunStatus, output: Path) -> dict[str, Any]:
    """A run with its values, its pictures and, while it waits, its place in the queue.

    ``problem`` says why it failed or, while it is not over, why the queue cannot go on just now.
    """
    row = one.row
    return {
        "id": row.id,
        "state": row.state,
        "problem": row.problem or row.unreadable or one.stalled,
        "created": row.created,
        **(_unreadable(one) if row.unreadable else _asked(row.job, output)),
        "place": one.place,
        "pictures": [picture(made, output) for made in one.pictures],
    }


def _asked(job: Job, output: Path) -> dict[str, Any]:
    return {
        "workflow": job.workflow,
        "title": job.definition.get("title", job.workflow),
        "values": values(job, output),
        "labels": labels(job),
        "seed": job.seed,
        "total": job.total,
    }


def _unreadable(one: RunStatus) -> dict[str, Any]:
    """What stands in for a job that this version cannot read."""
    return {
        "workflow": "",
        "title": "A job of another version",
        "values": {},
        "labels": {},
        "seed": 0,
        "total": len(one.pictures),
    }


def labels(job: Job) -> dict[str, str]:
    """What the workflow calls inputs in words of its own."""
    inputs = job.definition.get("inputs", {}).items()
    return {name: spec["label"] for name, spec in inputs if isinstance(spec, dict) and spec.get("label")}


def values(job: Job, output: Path) -> dict[str, Any]:
    """A job's values, with start pictures by their ids."""
    return {name: _hidden(value, output) for name, value in job.values.items()}


def recipe(brought: Job | Imported, output: Path) -> dict[str, Any]:
    """What a picture brings back: a workflow and values, and what of another tool's is not among them."""
    if isinstance(brought, Imported):
        return {**brought.data(), "values": brought.form_values}
    own = {**values(brought, output), "seed": brought.seed, "count": brought.count}
    return {"tool": "", "workflow": brought.workflow, "values": own, "taken": [], "missing": [], "left": [],
            "asks": []}  # fmt: skip


def picture(made: Picture, output: Path) -> dict[str, Any]:
    """A picture's id, address and file name; no address where it lies outside the output folder."""
    name = picture_id(output, made.path)
    return {"id": name, "name": made.path.name, "url": f"/api/pictures/{quote(name)}" if name else None}


def event(what: Event, output: Path) -> dict[str, Any]:
    """An event's data, with its words for people as ``text``."""
    data = {**what.data(), "text": words(what)}
    return data | {"picture": picture(what.picture, output)} if isinstance(what, Made) else data


def words(what: Event) -> str:
    """What an event says to a person; empty for previews."""
    if isinstance(what, Step):
        said = progress(what)
        return said[:1].upper() + said[1:]
    if isinstance(what, Queued):
        return "Starts next" if what.position == 0 else f"Waiting, {what.position} before it"
    if isinstance(what, Loading):
        return f"Loading {what.model}"
    return what.problem if isinstance(what, Failed | Stalled) else _SAID.get(what.name, "")


def workflow(one: Workflow) -> dict[str, Any]:
    """A workflow's name, words and form as a JSON schema."""
    definition = one.definition
    return {
        "name": one.name,
        "title": definition.title,
        "description": definition.description,
        "schema": one.form().model_json_schema(),
    }


def _hidden(value: Any, output: Path) -> Any:
    """A start picture's path as its id, where it is a file of ours."""
    if isinstance(value, list):
        return [_hidden(item, output) for item in value]
    inside = isinstance(value, str) and value.startswith(str(output.absolute()))
    return (picture_id(output, Path(value)) or value) if inside else value
