"""Runs, events and forms as JSON. Pictures have ids relative to the output folder, never paths."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from studio.imports.imported_workflow import ImportedWorkflow
from studio.pictures.picture import Picture
from studio.runtime.events import Event, Failed, Loading, Made, Queued, Stalled, Step
from studio.runtime.run_handle import RunStatus
from studio.ui.phrases import capitalised, progress
from studio.ui.uploads import picture_id
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

_FINAL = {"done": "Done", "cancelled": "Stopped", "interrupted": "Interrupted: the studio was closed meanwhile"}


def run(one: RunStatus, output: Path) -> dict[str, Any]:
    """A run with its values, its pictures and, while it waits, its place in the queue.

    ``problem`` says why it failed or, while it is unfinished, why the queue is stalled.
    """
    row = one.row
    return {
        "id": row.id,
        "state": row.state,
        "problem": row.problem or row.unreadable or one.stalled,
        "created": row.created,
        **(_unreadable(one) if row.unreadable else _job(row.job, output)),
        "place": one.place,
        "pictures": [picture(made, output) for made in one.pictures],
    }


def _job(job: Job, output: Path) -> dict[str, Any]:
    return {
        "workflow": job.workflow,
        "title": job.definition.get("title", job.workflow),
        "values": values(job, output),
        "labels": labels(job),
        "seed": job.seed,
        "total": job.total,
    }


def _unreadable(one: RunStatus) -> dict[str, Any]:
    """The placeholder for a job that this version cannot read."""
    return {
        "workflow": "",
        "title": "A job of another version",
        "values": {},
        "labels": {},
        "seed": 0,
        "total": len(one.pictures),
    }


def labels(job: Job) -> dict[str, str]:
    """The labels that the workflow itself gives to inputs."""
    inputs = job.definition.get("inputs", {}).items()
    return {name: spec["label"] for name, spec in inputs if isinstance(spec, dict) and spec.get("label")}


def values(job: Job, output: Path) -> dict[str, Any]:
    """A job's values, with ids in place of the paths of start pictures."""
    return {name: _hidden(value, output) for name, value in job.values.items()}


def recipe(source: Job | ImportedWorkflow, output: Path) -> dict[str, Any]:
    """The settings of a picture: a workflow and values, and which settings of another tool are missing from them."""
    if isinstance(source, ImportedWorkflow):
        return {**source.data(), "values": source.form_values}
    own = {**values(source, output), "seed": source.seed, "count": source.count}
    return {"tool": "", "workflow": source.workflow, "values": own, "taken": [], "missing": [], "left": [],
            "asks": []}  # fmt: skip


def picture(made: Picture, output: Path) -> dict[str, Any]:
    """A picture's id, URL and file name; no URL if it lies outside the output folder."""
    name = picture_id(output, made.path)
    return {"id": name, "name": made.path.name, "url": f"/api/pictures/{quote(name)}" if name else None}


def event(what: Event, output: Path) -> dict[str, Any]:
    """An event's data, with a readable ``text``."""
    data = {**what.data(), "text": words(what)}
    return data | {"picture": picture(what.picture, output)} if isinstance(what, Made) else data


def words(what: Event) -> str:
    """An event as readable text; empty for previews."""
    if isinstance(what, Step):
        return capitalised(progress(what))
    if isinstance(what, Queued):
        return "Starts next" if what.position == 0 else f"Waiting, {what.position} before it"
    if isinstance(what, Loading):
        return f"Loading {what.model}"
    return what.problem if isinstance(what, Failed | Stalled) else _FINAL.get(what.name, "")


def workflow(one: Workflow) -> dict[str, Any]:
    """A workflow's name, title, description and form as a JSON schema."""
    definition = one.definition
    return {
        "name": one.name,
        "title": definition.title,
        "description": definition.description,
        "schema": one.form().model_json_schema(),
    }


def _hidden(value: Any, output: Path) -> Any:
    """The id of a start picture in place of its path, if it lies in the output folder."""
    if isinstance(value, list):
        return [_hidden(item, output) for item in value]
    inside = isinstance(value, str) and value.startswith(str(output.absolute()))
    return (picture_id(output, Path(value)) or value) if inside else value
