"""What the shapes of other tools share: their requests become jobs, and nothing is dropped unsaid."""

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


class Wanted(NamedTuple):
    """A workflow of ours with values for its inputs, and what of the request changes no picture here."""

    workflow: Workflow
    values: Mapping[str, Any]
    warnings: list[str]


class Made(NamedTuple):
    """Pictures, and what of the request had no effect."""

    pictures: list[Picture]
    warnings: list[str]


async def make(session: Session, read: Callable[[], Wanted], theirs: Mapping[str, str]) -> Made:
    """Run what ``read`` makes of a request to its end, and wait for it without a thread.

    The job is one like any other: it goes on where its client leaves, as with the tools whose shape this is. Raises
    InputError that names the field as they do (``theirs`` by our names), and what made the run fail.
    """

    def queued() -> tuple[Run, list[str]]:
        wanted = read()
        return _submitted(session, wanted, theirs), wanted.warnings

    run, warnings = await in_turn(queued)
    await stream.over(run)
    return Made(await run_in_threadpool(run.wait), warnings)


def _submitted(session: Session, wanted: Wanted, theirs: Mapping[str, str]) -> Run:
    """The job in the queue. Raises InputError about a value that the workflow takes no input for."""
    workflow, values = wanted.workflow, wanted.values
    for name in values:
        if name not in workflow.form().model_fields:
            raise InputError.about(theirs.get(name, name), f"'{workflow.name}' cannot follow it here; leave it out")
    try:
        safe = uploads.safe_values(workflow, values, session.settings.output, session.library)
        return session.submit(Job.of(workflow, safe, session.library))
    except InputError as error:
        raise _renamed(error, theirs) from None


def workflow_with_vae(name: str, vae: str, library: Library) -> Workflow:
    """One of the studio's workflows for drawing, with another VAE where one is named."""
    workflow = uploads.workflow(name)
    if not vae:
        return workflow
    steps = {
        step: {**of, "guide": "$vae"} if of["use"] == "lora" else of for step, of in workflow.data["steps"].items()
    }
    data = {**workflow.data, "steps": {"vae": {"use": "vae", "vae": vae}, **steps}}
    return Workflow.of(name, data, library)


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


def encoded(path: Path) -> str:
    """A file's bytes as base64."""
    return base64.b64encode(path.read_bytes()).decode("ascii")
