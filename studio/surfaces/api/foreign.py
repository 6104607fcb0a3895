"""What the shapes of other tools share: their requests become jobs, and nothing is dropped unsaid."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool

from studio.errors import InputError
from studio.plugins import unknown
from studio.record.picture import Picture
from studio.runs import Run
from studio.session import Session
from studio.surfaces import uploads
from studio.surfaces.api import stream
from studio.surfaces.api.jobs import job_of
from studio.surfaces.api.turns import in_turn


class Made(NamedTuple):
    """Pictures, the values that they were asked with, and what of the request had no effect."""

    pictures: list[Picture]
    values: dict[str, Any]
    warnings: list[str]


async def make(
    session: Session, workflow: str, values: Mapping[str, Any], warnings: list[str], theirs: Mapping[str, str]
) -> Made:
    """Run a job to its end, and wait for it without a thread. What the workflow has no input for becomes a warning.

    The job is one like any other: it goes on where its client leaves, as with the tools whose shape this is. Raises
    InputError that names the field as they do (``theirs`` by our names), and what made the run fail.
    """
    run, fitting = await in_turn(lambda: _queued(session, workflow, values, warnings, theirs))
    await stream.over(run)
    return Made(await run_in_threadpool(run.wait), fitting, warnings)


def _queued(
    session: Session, workflow: str, values: Mapping[str, Any], warnings: list[str], theirs: Mapping[str, str]
) -> tuple[Run, dict[str, Any]]:
    """The job in the queue, and the values that the workflow takes."""
    form = uploads.workflow(workflow).form().model_fields
    fitting = {name: value for name, value in values.items() if name in form}
    warnings += [
        f"{theirs.get(name, name)} has no effect in {workflow}; ignored" for name in values if name not in form
    ]
    try:
        return session.submit(job_of(workflow, fitting, session.settings.output)), fitting
    except InputError as error:
        raise _renamed(error, theirs) from None


def _renamed(error: InputError, theirs: Mapping[str, str]) -> InputError:
    """The error, about the fields as they are called there."""
    text = str(error)
    for name in error.wrong:
        text = text.replace(f"{name}:", f"{theirs.get(name, name)}:", 1)
    return InputError(text, {theirs.get(name, name): said for name, said in error.wrong.items()})


def refuse_strangers(given: Mapping[str, Any], known: list[str]) -> None:
    """Raise InputError for a field that nobody knows: more likely a slip than a wish."""
    for name in given:
        if name not in known:
            text = unknown("field", name, known)
            raise InputError(text, {name: text})


def mapping(asked: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field that holds more fields; raises InputError that names it where it holds anything else."""
    value = asked.get(name) or {}
    if not isinstance(value, dict):
        raise InputError.about(name, "give an object with names and values")
    return value


def encoded(path: Path) -> str:
    """A file's bytes as base64."""
    return base64.b64encode(path.read_bytes()).decode("ascii")
