"""Turns requests of other tools' APIs into jobs. Whatever has no effect is reported, never dropped silently."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool

from studio.errors import InputError
from studio.library import Library
from studio.pictures.picture import Picture
from studio.plugins import unknown
from studio.runtime.run_handle import Run
from studio.runtime.session import Session
from studio.server.api import stream
from studio.server.api.turns import in_turn
from studio.ui import uploads
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow


class CompatJob(NamedTuple):
    """A workflow with values for its inputs, and warnings about fields of the request that have no effect."""

    workflow: Workflow
    values: Mapping[str, Any]
    warnings: list[str]


class CompatResult(NamedTuple):
    """Pictures, and warnings about fields of the request that had no effect."""

    pictures: list[Picture]
    warnings: list[str]


async def make(session: Session, read: Callable[[], CompatJob], field_names: Mapping[str, str]) -> CompatResult:
    """Run the job that ``read`` makes of a request, and wait for it without blocking a thread.

    As with those tools, the job goes on if its client disconnects. Raises InputError with the field's name in the
    request (``field_names`` has it by the input's name), or the error that made the run fail.
    """

    def queued() -> tuple[Run, list[str]]:
        job = read()
        return _submit(session, job, field_names), job.warnings

    run, warnings = await in_turn(queued)
    await stream.over(run)
    return CompatResult(await run_in_threadpool(run.wait), warnings)


def _submit(session: Session, job: CompatJob, field_names: Mapping[str, str]) -> Run:
    """Queue the job. Raises InputError about a value for which the workflow has no input."""
    workflow, values = job.workflow, job.values
    for name in values:
        if name not in workflow.form().model_fields:
            raise InputError.about(
                field_names.get(name, name), f"the workflow '{workflow.name}' does not support it; leave it out"
            )
    try:
        safe = uploads.safe_values(workflow, values, session.settings.output, session.library)
        return session.submit(Job.of(workflow, safe, session.library))
    except InputError as error:
        raise _renamed(error, field_names) from None


def workflow_with_vae(name: str, vae: str, library: Library) -> Workflow:
    """A workflow that ships with the studio, with another VAE if one is named."""
    workflow = uploads.workflow(name)
    if not vae:
        return workflow
    steps = {
        step: {**of, "guide": "$vae"} if of["use"] == "lora" else of for step, of in workflow.data["steps"].items()
    }
    data = {**workflow.data, "steps": {"vae": {"use": "vae", "vae": vae}, **steps}}
    return Workflow.of(name, data, library)


def _renamed(error: InputError, field_names: Mapping[str, str]) -> InputError:
    """The error with the field names of the request."""
    text = str(error)
    for name in error.wrong:
        text = text.replace(f"{name}:", f"{field_names.get(name, name)}:", 1)
    return InputError(text, {field_names.get(name, name): why for name, why in error.wrong.items()})


def refuse_unknown(given: Mapping[str, Any], known: list[str]) -> None:
    """Raise InputError for an unknown field, which is probably a typing error."""
    for name in given:
        if name not in known:
            text = unknown("field", name, known)
            raise InputError(text, {name: text})


def encoded(path: Path) -> str:
    """A file's bytes as base64."""
    return base64.b64encode(path.read_bytes()).decode("ascii")
