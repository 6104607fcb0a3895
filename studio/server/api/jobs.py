"""``/api``: workflows, jobs, their events and their pictures."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from studio.errors import InputError
from studio.gallery import thumbnails
from studio.imports.importing import brought
from studio.runtime.session import Session
from studio.server.api import serializers, stream
from studio.server.api.strict import StrictRoute
from studio.server.api.turns import in_turn
from studio.ui import uploads
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow, workflow_names

T = TypeVar("T")

router = APIRouter(prefix="/api", route_class=StrictRoute)


async def of(request: Request) -> Session:
    """The session that this app serves."""
    session: Session = request.app.state.session
    return session


Served = Annotated[Session, Depends(of)]


class Asked(BaseModel):
    """A job to make: a workflow's name, and values for its inputs. Pictures are base64 data or ids."""

    model_config = ConfigDict(extra="forbid")
    workflow: str
    values: dict[str, Any] = {}


class Place(BaseModel):
    """A place in the queue; 0 is next."""

    model_config = ConfigDict(extra="forbid")
    to: int = Field(ge=0)


class Carrier(BaseModel):
    """A picture, or a JSON file of another tool's, as base64 data, or the id of one that was made here."""

    model_config = ConfigDict(extra="forbid")
    picture: str


@router.get("/workflows")
def workflows() -> list[dict[str, Any]]:
    """The workflows."""
    return [_described(name) for name in workflow_names()]


@router.get("/workflows/{name}")
def workflow(name: str) -> dict[str, Any]:
    """One workflow, with its form as a JSON schema."""
    return _described(found(uploads.workflow, name).name)


@cache
def _described(name: str) -> dict[str, Any]:
    return serializers.workflow(Workflow.load(name))


@router.post("/jobs", status_code=201)
async def submit(asked: Asked, session: Served) -> dict[str, Any]:
    """Queue a job."""

    def queued() -> dict[str, Any]:
        run = session.submit(job_of(asked.workflow, asked.values, session.settings.output))
        return serializers.run(run.status, session.settings.output)

    return await in_turn(queued)


@router.get("/jobs")
def jobs(session: Served, most: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[dict[str, Any]]:
    """What waits, runs and has been, newest first."""
    return [serializers.run(status, session.settings.output) for status in session.statuses(most)]


@router.get("/jobs/{job}")
def one(job: str, session: Served) -> dict[str, Any]:
    """One job and its pictures so far."""
    return serializers.run(found(session.status, job), session.settings.output)


@router.get("/jobs/{job}/events", response_class=StreamingResponse)
async def events(job: str, session: Served) -> StreamingResponse:
    """Its events from now on."""
    run = await run_in_threadpool(found, session.find, job)
    lines = stream.run_events(run, session.settings.output)
    return StreamingResponse(lines, media_type="text/event-stream", headers=stream.HEADERS)


@router.delete("/jobs/{job}", status_code=204)
def cancel(job: str, session: Served) -> None:
    """Stop it; finished pictures are kept."""
    found(session.find, job).cancel()


@router.post("/jobs/{job}/retry")
def retry(job: str, session: Served) -> dict[str, Any]:
    """Queue it again; only what is missing is made."""
    return serializers.run(found(session.find, job).retry().status, session.settings.output)


@router.post("/jobs/{job}/move", status_code=204)
def move(job: str, place: Place, session: Served) -> None:
    """Give it another place in the queue."""
    session.move(found(session.find, job).id, place.to)


@router.post("/recipes")
def recipe(asked: Carrier, session: Served) -> dict[str, Any]:
    """The settings a picture carries: the workflow and the values that make this picture, and only this one, again.

    Of another tool's picture these are what of it can be done here; ``missing`` are files that are not here, and
    ``left`` is what found no place, each with its reason. ``asks`` are inputs for a model that has to be chosen: they
    are null among the values.
    """
    output = session.settings.output
    try:
        with uploads.looked_at(asked.picture, output) as path:
            return serializers.recipe(brought(path, shipped=True), output)
    except InputError as error:
        raise InputError(str(error), {"picture": str(error)}) from None


@router.get("/pictures/{picture:path}", response_class=FileResponse)
def picture(picture: str, session: Served, edge: Annotated[int | None, Query(ge=64, le=1024)] = None) -> Response:
    """The file as it is; with ``edge`` a JPEG that is no larger than that on its longer side."""
    path = uploads.contained(session.settings.output, picture)
    if path is None or path.suffix.lower() not in uploads.SHOWN:
        raise HTTPException(404, "there is no such picture")
    headers = {"Cache-Control": "private, max-age=86400"}
    if edge:
        return Response(thumbnails.jpeg(path, edge), media_type="image/jpeg", headers=headers)
    return FileResponse(path, headers=headers)


def found(look: Callable[[str], T], name: str) -> T:
    """What ``look`` finds under a name; 404 where there is nothing."""
    try:
        return look(name)
    except InputError as error:
        raise HTTPException(404, str(error)) from None


def job_of(name: str, values: dict[str, Any], output: Path) -> Job:
    """The job for values that came over HTTP; raises InputError that names the field."""
    workflow = uploads.workflow(name)
    return Job.of(workflow, uploads.safe_values(workflow, values, output))
