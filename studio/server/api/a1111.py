"""``/sdapi/v1``: AUTOMATIC1111's API, for scripts that are written for it or for Forge.

``a1111_requests`` reads a request, and ``a1111_jobs`` turns it into a job. Fields without an effect are listed in
``info`` under ``warnings``; fields that would change the picture and are not supported are refused. Missing fields have
the studio's defaults, not A1111's. See https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API.
"""

import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from studio.errors import InputError
from studio.images.image_file import open_stored
from studio.imports.a1111_fields import FIELDS
from studio.pictures.infotext import Infotext
from studio.pictures.picture import Picture
from studio.runtime.events import Step
from studio.runtime.session import Session
from studio.server.api import a1111_jobs, compat
from studio.server.api.a1111_requests import Img2ImgRequest, PngInfoRequest, Txt2ImgRequest
from studio.server.api.a1111_settings import A1111Settings, Chosen
from studio.server.api.jobs import Served
from studio.server.api.strict import StrictRoute
from studio.ui.uploads import as_file

router = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"], route_class=StrictRoute)


@router.post("/txt2img")
async def txt2img(request: Txt2ImgRequest, session: Served, kept: Chosen) -> dict[str, Any]:
    """Generate pictures from a prompt."""
    return await _answer(
        session, request, kept, lambda settings: a1111_jobs.txt2img(request, settings, session.library)
    )


@router.post("/img2img")
async def img2img(request: Img2ImgRequest, session: Served, kept: Chosen) -> dict[str, Any]:
    """Generate pictures from a picture and a prompt."""
    return await _answer(session, request, kept, lambda settings: a1111_jobs.img2img(request, settings, session))


async def _answer(
    session: Session, request: Txt2ImgRequest, kept: dict[str, Any], job: Callable[[A1111Settings], compat.CompatJob]
) -> dict[str, Any]:
    override = request.override_settings or {}

    def read() -> compat.CompatJob:
        return job(A1111Settings.read({**kept, **override}, session.library, "override_settings."))

    result = await compat.make(session, read, FIELDS)
    if request.override_settings_restore_afterwards is False:
        kept |= override
    return await run_in_threadpool(_response, result, request)


def _response(result: compat.CompatResult, request: Txt2ImgRequest) -> dict[str, Any]:
    parameters = request.model_dump(exclude_unset=True)
    if not parameters.get("include_init_images"):
        parameters |= {name: None for name in ("init_images", "mask") if name in parameters}
    images = [] if request.send_images is False else [compat.encoded(one.path) for one in result.pictures]
    return {"images": images, "parameters": parameters, "info": json.dumps(_info(result))}


def _info(result: compat.CompatResult) -> dict[str, Any]:
    """A1111's information about the pictures, and ``warnings``."""
    jobs, record = [one.job for one in result.pictures], result.pictures[0].record
    first, (width, height) = jobs[0], result.pictures[0].image.size
    prompts = [str(job.values.get("prompt") or "") for job in jobs]
    negatives = [str(job.values.get("negative_prompt") or "") for job in jobs]
    return {
        "prompt": prompts[0],
        "all_prompts": prompts,
        "negative_prompt": negatives[0],
        "all_negative_prompts": negatives,
        "seed": first.seed,
        "all_seeds": [job.seed for job in jobs],
        "subseed": first.seed,
        "all_subseeds": [job.seed for job in jobs],
        "subseed_strength": 0,
        "width": width,
        "height": height,
        "steps": first.values.get("steps"),
        "cfg_scale": first.values.get("guidance"),
        "sampler_name": first.values.get("sampler"),
        "denoising_strength": first.values.get("strength"),
        "clip_skip": first.values.get("clip_skip"),
        "batch_size": len(jobs),
        "index_of_first_image": 0,
        "sd_model_name": next(iter(record.get("models", {})), ""),
        "infotexts": [_infotext(one) for one in result.pictures],
        "version": f"studio {record.get('studio', '')}",
        "warnings": result.warnings,
    }


def _infotext(picture: Picture) -> str:
    return str(open_stored(picture.path).info.get("parameters", ""))


@router.get("/progress")
def progress(session: Served) -> dict[str, Any]:
    """The progress of the running job."""
    running = next(iter(session.running()), None)
    present = session.present(running.id) if running else None
    step = present if isinstance(present, Step) else None
    done = (step.picture - 1 + step.step / step.steps) / step.pictures if step else 0.0
    state = {
        "job": running.id if running else "",
        "job_count": step.pictures if step else 0,
        "job_no": step.picture - 1 if step else 0,
        "sampling_step": step.step if step else 0,
        "sampling_steps": step.steps if step else 0,
        "skipped": False,
        "interrupted": False,
        "stopping_generation": False,
    }
    left = (step.seconds_left if step else None) or 0.0
    return {"progress": done, "eta_relative": left, "state": state, "current_image": None, "textinfo": None}


@router.post("/interrupt")
def interrupt(session: Served) -> dict[str, Any]:
    """Stop the running job."""
    for run in session.running():
        run.cancel()
    return {}


@router.post("/png-info")
def png_info(request: PngInfoRequest, session: Served) -> dict[str, Any]:
    """Read the settings in a picture."""
    try:
        with as_file(request.image, session.settings.output) as path:
            info = open_stored(path).info
    except InputError as error:
        raise InputError.about("image", str(error)) from None
    text = str(info.get("parameters", ""))
    found = Infotext.parse(text)
    parameters = {"Prompt": found.prompt, "Negative prompt": found.negative, **dict(found.settings)} if text else {}
    items = {name: value for name, value in info.items() if isinstance(value, str)}
    return {"info": text, "items": items, "parameters": parameters}
