"""``/api``: workflows, jobs, their events and their pictures."""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from studio.errors import InputError
from studio.galleries import thumbnails
from studio.imports.importing import import_file
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
    """The session of this app."""
    session: Session = request.app.state.session
    return session


Served = Annotated[Session, Depends(of)]


class JobRequest(BaseModel):
    """A job: a workflow's name, and values for its inputs. Pictures are base64 data or ids."""

    model_config = ConfigDict(extra="forbid")
    workflow: str
    values: dict[str, Any] = {}


class QueuePosition(BaseModel):
    """A place in the queue; 0 is next."""

    model_config = ConfigDict(extra="forbid")
    to: int = Field(ge=0)


class RecipeRequest(BaseModel):
    """A picture, or another tool's JSON file, as base64 data, or a picture's id."""

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
    return serializers.workflow(Workflow.builtin(name))


@router.post("/jobs", status_code=201)
async def submit(request: JobRequest, session: Served) -> dict[str, Any]:
    """Queue a job."""

    def queued() -> dict[str, Any]:
        run = session.submit(job_of(request.workflow, request.values, session))
        return serializers.run(run.status, session.settings.output)

    return await in_turn(queued)


@router.get("/jobs")
def jobs(session: Served, most: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[dict[str, Any]]:
    """The waiting, running and finished jobs, newest first."""
    return [serializers.run(status, session.settings.output) for status in session.statuses(most)]


@router.get("/jobs/{job}")
def one(job: str, session: Served) -> dict[str, Any]:
    """One job and its pictures so far."""
    return serializers.run(found(session.status, job), session.settings.output)


@router.get("/jobs/{job}/events", response_class=StreamingResponse)
async def events(job: str, session: Served) -> StreamingResponse:
    """The job's events from now on."""
    run = await run_in_threadpool(found, session.find, job)
    lines = stream.run_events(run, session.settings.output)
    return StreamingResponse(lines, media_type="text/event-stream", headers=stream.HEADERS)


@router.delete("/jobs/{job}", status_code=204)
def cancel(job: str, session: Served) -> None:
    """Stop the job; finished pictures are kept."""
    found(session.find, job).cancel()


@router.post("/jobs/{job}/retry")
def retry(job: str, session: Served) -> dict[str, Any]:
    """Queue the job again; only its missing pictures are generated."""
    return serializers.run(found(session.find, job).retry().status, session.settings.output)


@router.post("/jobs/{job}/move", status_code=204)
def move(job: str, place: QueuePosition, session: Served) -> None:
    """Move the job to another place in the queue."""
    session.move(found(session.find, job).id, place.to)


@router.post("/recipes")
def recipe(request: RecipeRequest, session: Served) -> dict[str, Any]:
    """The settings in a picture: the workflow and the values that make exactly this picture again.

    For another tool's picture, these are the settings that the studio supports; ``missing`` are files that are not
    installed, and ``left`` the settings that cannot be used, each with its reason. ``asks`` are inputs for which a
    model has to be chosen: their values are null.
    """
    output = session.settings.output
    try:
        with uploads.as_file(request.picture, output) as path:
            return serializers.recipe(import_file(path, session.library, shipped=True), output)
    except InputError as error:
        raise InputError(str(error), {"picture": str(error)}) from None


@router.get("/pictures/{picture:path}", response_class=FileResponse)
def picture(picture: str, session: Served, edge: Annotated[int | None, Query(ge=64, le=1024)] = None) -> Response:
    """The picture file; with ``edge``, a JPEG whose longer side is at most that many pixels."""
    path = uploads.contained(session.settings.output, picture)
    if path is None or path.suffix.lower() not in uploads.SHOWN:
        raise HTTPException(404, "there is no such picture")
    headers = {"Cache-Control": "private, max-age=86400"}
    if edge:
        return Response(thumbnails.jpeg(path, edge), media_type="image/jpeg", headers=headers)
    return FileResponse(path, headers=headers)


def found(look: Callable[[str], T], name: str) -> T:
    """What ``look`` finds under a name; 404 if there is nothing."""
    try:
        return look(name)
    except InputError as error:
        raise HTTPException(404, str(error)) from None


def job_of(name: str, values: dict[str, Any], session: Session) -> Job:
    """The job for values that came over HTTP; raises InputError that names the field."""
    workflow = uploads.workflow(name)
    safe = uploads.safe_values(workflow, values, session.settings.output, session.library)
    return Job.of(workflow, safe, session.library)
