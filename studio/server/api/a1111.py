"""``/sdapi/v1``: the shape of AUTOMATIC1111's API, so that scripts written for it, or for Forge, work here.

What they ask is read by ``a1111_requests`` and becomes a job of ours in ``a1111_jobs``. What changes no picture is
named in ``info`` under ``warnings``; what would, and cannot be done, is refused. Where a script leaves something out,
the studio's own default applies, not A1111's. Shapes after
https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API.
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
from studio.server.api.a1111_requests import Asked, AskedOfPicture, Carrier
from studio.server.api.a1111_settings import Chosen, Settings
from studio.server.api.jobs import Served
from studio.server.api.strict import StrictRoute
from studio.ui.uploads import looked_at

router = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"], route_class=StrictRoute)


@router.post("/txt2img")
async def txt2img(asked: Asked, session: Served, kept: Chosen) -> dict[str, Any]:
    """Pictures from words."""
    return await _answer(session, asked, kept, lambda settings: a1111_jobs.from_words(asked, settings, session.library))


@router.post("/img2img")
async def img2img(asked: AskedOfPicture, session: Served, kept: Chosen) -> dict[str, Any]:
    """Pictures from a picture and words."""
    return await _answer(session, asked, kept, lambda settings: a1111_jobs.from_picture(asked, settings, session))


async def _answer(
    session: Session, asked: Asked, kept: dict[str, Any], job: Callable[[Settings], compat.Wanted]
) -> dict[str, Any]:
    own = asked.override_settings or {}

    def wanted() -> compat.Wanted:
        return job(Settings.read({**kept, **own}, session.library, "override_settings."))

    made = await compat.make(session, wanted, FIELDS)
    if asked.override_settings_restore_afterwards is False:
        kept |= own
    return await run_in_threadpool(_told, made, asked)


def _told(made: compat.Made, asked: Asked) -> dict[str, Any]:
    said = asked.model_dump(exclude_unset=True)
    if not said.get("include_init_images"):
        said |= {name: None for name in ("init_images", "mask") if name in said}
    images = [] if asked.send_images is False else [compat.encoded(one.path) for one in made.pictures]
    return {"images": images, "parameters": said, "info": json.dumps(_info(made))}


def _info(made: compat.Made) -> dict[str, Any]:
    """What A1111 says of the pictures, and ``warnings``."""
    jobs, record = [one.job for one in made.pictures], made.pictures[0].record
    first, (width, height) = jobs[0], made.pictures[0].image.size
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
        "infotexts": [_infotext(one) for one in made.pictures],
        "version": f"studio {record.get('studio', '')}",
        "warnings": made.warnings,
    }


def _infotext(picture: Picture) -> str:
    return str(open_stored(picture.path).info.get("parameters", ""))


@router.get("/progress")
def progress(session: Served) -> dict[str, Any]:
    """How far the job at work is."""
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
    """Stop the job at work."""
    for run in session.running():
        run.cancel()
    return {}


@router.post("/png-info")
def png_info(asked: Carrier, session: Served) -> dict[str, Any]:
    """The settings that a picture carries."""
    try:
        with looked_at(asked.image, session.settings.output) as path:
            info = open_stored(path).info
    except InputError as error:
        raise InputError.about("image", str(error)) from None
    text = str(info.get("parameters", ""))
    said = Infotext.parse(text)
    parameters = {"Prompt": said.prompt, "Negative prompt": said.negative, **dict(said.settings)} if text else {}
    items = {name: value for name, value in info.items() if isinstance(value, str)}
    return {"info": text, "items": items, "parameters": parameters}
