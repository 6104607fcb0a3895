"""``/sdapi/v1``: the shape of AUTOMATIC1111's API, so that scripts written for it work here.

What it asks that has no counterpart is named in ``info`` under ``warnings``, never dropped unsaid; a
field that neither knows is refused. Where a script leaves size, steps or guidance out, the model's
own apply, not A1111's. Shapes after https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from studio.errors import InputError
from studio.events import Step
from studio.imagefile import open_image
from studio.kinds import OWN_SAMPLER
from studio.models import library
from studio.models.loras import shelf
from studio.record.picture import Picture
from studio.sampler_names import NAMES, canonical
from studio.session import Session
from studio.surfaces.api import foreign
from studio.surfaces.api.jobs import Served
from studio.surfaces.uploads import looked_at
from studio.workflow import workflow_names

router = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"])

_PLAIN: Final = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "steps": "steps",
    "cfg_scale": "guidance",
    "denoising_strength": "strength",
    "mask": "mask",
}
_THEIRS: Final = {ours: theirs for theirs, ours in _PLAIN.items()} | {
    "count": "batch_size", "size": "width", "sampler": "sampler_name", "image": "init_images",
    "model": "override_settings.sd_model_checkpoint",
}  # fmt: skip
_SHAPED: Final = (
    "width", "height", "sampler_name", "sampler_index", "batch_size", "n_iter", "init_images", "override_settings",
    "send_images", "save_images", "override_settings_restore_afterwards",
)  # fmt: skip
# No counterpart here, each with the value that asks for nothing.
_UNSUPPORTED: Final[Mapping[str, Any]] = {
    "alwayson_scripts": {}, "comments": None, "disable_extra_networks": False, "distilled_cfg_scale": None,
    "do_not_save_grid": False, "do_not_save_samples": False, "enable_hr": False, "eta": None, "firstpass_image": None,
    "firstphase_height": 0, "firstphase_width": 0, "force_task_id": None, "hr_cfg": None, "hr_checkpoint_name": None,
    "hr_distilled_cfg": None, "hr_negative_prompt": "", "hr_prompt": "", "hr_resize_x": 0, "hr_resize_y": 0,
    "hr_sampler_name": None, "hr_scale": 2, "hr_scheduler": None, "hr_second_pass_steps": 0, "hr_upscaler": None,
    "image_cfg_scale": None, "include_init_images": False, "infotext": None, "initial_noise_multiplier": None,
    "inpaint_full_res": True, "inpaint_full_res_padding": 0, "inpainting_fill": 0, "inpainting_mask_invert": 0,
    "latent_mask": None, "mask_blur": 4, "mask_blur_x": 4, "mask_blur_y": 4, "mask_round": True,
    "refiner_checkpoint": None, "refiner_switch_at": None, "resize_mode": 0, "restore_faces": False, "s_churn": 0,
    "s_min_uncond": 0, "s_noise": 1, "s_tmax": None, "s_tmin": 0, "scheduler": "Automatic", "script_args": [],
    "script_name": None, "seed_resize_from_h": -1, "seed_resize_from_w": -1, "styles": [], "subseed": -1,
    "subseed_strength": 0, "tiling": False,
}  # fmt: skip
_KNOWN: Final = [*_PLAIN, *_SHAPED, *_UNSUPPORTED]
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {}, False)
_SAMPLERS: Final = tuple(name for name in NAMES if name != OWN_SAMPLER)


@router.post("/txt2img")
async def txt2img(asked: dict[str, Any], session: Served) -> dict[str, Any]:
    """Pictures from words."""
    return await _answer(session, "text-to-image", asked, {})


@router.post("/img2img")
async def img2img(asked: dict[str, Any], session: Served) -> dict[str, Any]:
    """Pictures from a picture and words."""
    images = asked.get("init_images")
    if not isinstance(images, list) or len(images) != 1:
        raise InputError.about("init_images", "give one picture, as base64 in a list")
    workflow = "inpaint" if asked.get("mask") and "inpaint" in workflow_names() else "image-to-image"
    return await _answer(session, workflow, asked, {"image": images[0]})


async def _answer(session: Session, workflow: str, asked: dict[str, Any], pictures: dict[str, Any]) -> dict[str, Any]:
    foreign.refuse_strangers(asked, _KNOWN)
    made = await foreign.make(session, workflow, {**values(asked), **pictures}, warnings(asked), _THEIRS)
    return await run_in_threadpool(_told, made, asked)


def _told(made: foreign.Made, asked: dict[str, Any]) -> dict[str, Any]:
    images = [foreign.encoded(one.path) for one in made.pictures] if asked.get("send_images", True) else []
    return {"images": images, "parameters": asked, "info": json.dumps(_info(made))}


def values(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A request's values by the names of our inputs; raises InputError for a sampler that is not there."""
    found = {ours: asked[theirs] for theirs, ours in _PLAIN.items() if asked.get(theirs) not in (None, "")}
    if found.get("seed") == -1:
        found["seed"] = None
    found["count"] = _whole(asked, "batch_size", 1) * _whole(asked, "n_iter", 1)
    if "width" in asked or "height" in asked:
        found["size"] = f"{_whole(asked, 'width', 512)}x{_whole(asked, 'height', 512)}"
    if sampler := asked.get("sampler_name") or asked.get("sampler_index"):
        found["sampler"] = _sampler(str(sampler), str(asked.get("scheduler") or ""))
    settings = foreign.mapping(asked, "override_settings")
    if model := settings.get("sd_model_checkpoint"):
        found["model"] = str(model).partition(" [")[0].removesuffix(".safetensors")
    return found


def _whole(asked: Mapping[str, Any], name: str, default: int) -> int:
    value = asked.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError.about(name, f"give a whole number, not {value!r}")
    return value


def _sampler(name: str, schedule: str) -> str:
    try:
        return canonical(name, schedule)
    except ValueError as error:
        raise InputError.about("sampler_name", str(error)) from None


def warnings(asked: Mapping[str, Any]) -> list[str]:
    """What a request asks that has no counterpart here. Empty values and A1111's defaults ask nothing."""
    unmet = [name for name, idle in _UNSUPPORTED.items() if asked.get(name, idle) not in (idle, *_EMPTY)]
    if not asked.get("enable_hr"):
        unmet = [name for name in unmet if not name.startswith("hr_")]
    if asked.get("sampler_name") or asked.get("sampler_index"):  # a part of our sampler's name
        unmet = [name for name in unmet if name != "scheduler"]
    settings = (name for name in foreign.mapping(asked, "override_settings") if name != "sd_model_checkpoint")
    return [f"{name} is not supported; ignored" for name in [*unmet, *(f"override_settings.{s}" for s in settings)]]


def _info(made: foreign.Made) -> dict[str, Any]:
    """What A1111 says of the pictures, and ``warnings``."""
    jobs, record = [one.job for one in made.pictures], made.pictures[0].record
    first, (width, height) = jobs[0], made.pictures[0].image.size
    prompts, negatives = ([str(job.values.get(f"{kind}prompt", "")) for job in jobs] for kind in ("", "negative_"))
    return {
        "prompt": prompts[0],
        "all_prompts": prompts,
        "negative_prompt": negatives[0],
        "all_negative_prompts": negatives,
        "seed": first.seed,
        "all_seeds": [job.seed for job in jobs],
        "width": width,
        "height": height,
        "steps": first.values.get("steps"),
        "cfg_scale": first.values.get("guidance"),
        "sampler_name": first.values.get("sampler"),
        "denoising_strength": first.values.get("strength"),
        "batch_size": len(jobs),
        "sd_model_name": next(iter(record.get("models", {})), ""),
        "infotexts": [_infotext(one) for one in made.pictures],
        "version": f"studio {record.get('studio', '')}",
        "warnings": made.warnings,
    }


def _infotext(picture: Picture) -> str:
    return str(open_image(picture.path).info.get("parameters", ""))


@router.get("/sd-models")
def models() -> list[dict[str, Any]]:
    """The models."""
    return [
        {"title": n, "model_name": n, "hash": None, "sha256": None, "filename": n, "config": None}
        for n in library.names()
    ]


@router.get("/loras")
def loras() -> list[dict[str, Any]]:
    """The LoRAs, to write into a prompt as <lora:NAME:WEIGHT>."""
    return [{"name": name, "alias": name, "path": name, "metadata": {}} for name in shelf.names()]


@router.get("/samplers")
def samplers() -> list[dict[str, Any]]:
    """The samplers."""
    return [{"name": name, "aliases": [], "options": {}} for name in _SAMPLERS]


@router.get("/options")
def options() -> dict[str, Any]:
    """Which model is used where none is named."""
    return {"sd_model_checkpoint": next(iter(library.names()), "")}


@router.post("/options")
def set_options(asked: dict[str, Any]) -> None:
    """Refused: a request names its model itself."""
    raise InputError.about(
        next(iter(asked), "options"), "name the model in each request: override_settings.sd_model_checkpoint"
    )


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
def png_info(asked: dict[str, Any], session: Served) -> dict[str, Any]:
    """The settings that a picture carries."""
    foreign.refuse_strangers(asked, ["image"])
    with looked_at(str(asked.get("image")), session.settings.output) as path:
        info = open_image(path).info
    return {"info": info.get("parameters", ""), "items": {k: v for k, v in info.items() if isinstance(v, str)}}
