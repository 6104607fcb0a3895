"""Turns a request of A1111's API into a workflow with values.

A field that would change the picture and is not supported raises an InputError that names it. Fields without an effect
are listed in the warnings.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from studio.errors import InputError
from studio.imports.a1111_fields import HIRES, REQUEST, SIZE_OF_FIRST, second_pass, unserved
from studio.imports.importing import unsuited
from studio.imports.json_validators import seed
from studio.imports.unsupported import reason
from studio.models import library
from studio.parameters.sampler_names import canonical, without_schedule
from studio.pictures import clip_skip
from studio.server.api import a1111_pictures
from studio.server.api.a1111_requests import Img2ImgRequest, Txt2ImgRequest
from studio.server.api.a1111_settings import CLIP_SKIP, MODEL, A1111Settings
from studio.server.api.compat import CompatJob, workflow_with_vae
from studio.steps import hires
from studio.workflow.workflow import Workflow

FIELD_NAMES: Final[Mapping[str, str]] = {
    "guidance": "cfg_scale", "strength": "denoising_strength", "count": "batch_size", "size": "width",
    "sampler": "sampler_name", "image": "init_images", "factor": "hr_scale", "joins": "tiling",
    "padding": "inpaint_full_res_padding", "drawn_at": "width", "model": f"override_settings.{MODEL}",
}  # fmt: skip
"""A1111's names of inputs that have another name in workflows."""
_SAVING: Final = ("save_images", "do_not_save_samples", "do_not_save_grid")  # pictures are always saved
_UNUSED: Final = (
    "comments", "force_task_id", "infotext", "image_cfg_scale", "mask_round",
)  # fmt: skip
_NO_SCHEDULE: Final = ("", "automatic", "use same scheduler")
_DEFAULT_SAMPLER: Final = "Euler"  # A1111's default, if only a schedule is given


def txt2img(request: Txt2ImgRequest, settings: A1111Settings) -> CompatJob:
    """The job of a txt2img request; raises InputError about a field that is wrong or not supported."""
    _refuse(request)
    values = _common(request, settings)
    if request.enable_hr:
        values |= _second_pass(request, values)
    elif request.size:
        values["size"] = request.size
    if request.enable_hr and request.tiling:
        raise InputError.about("tiling", "seamless tiles have no second pass; leave enable_hr out")
    workflow = "hires" if request.enable_hr else "seamless-pattern" if request.tiling else "text-to-image"
    return CompatJob(workflow_with_vae(workflow, settings.vae), values, _warnings(request, settings))


def img2img(request: Img2ImgRequest, settings: A1111Settings, output: Path) -> CompatJob:
    """The job of an img2img request, whose picture is kept in ``output``; raises like ``txt2img``."""
    _refuse(request)
    if request.tiling:
        raise InputError.about("tiling", reason("Tiling"))
    start = a1111_pictures.start(request, output, library.find(settings.model).size)
    values = _common(request, settings) | _given(
        image=start.image, mask=start.mask, strength=request.denoising_strength
    )
    if start.size and not start.mask:
        values["size"] = str(start.size)
    workflow = workflow_with_vae("inpaint" if start.mask else "image-to-image", settings.vae)
    if start.mask and request.only_masked:
        values |= _given(padding=request.inpaint_full_res_padding, drawn_at=start.size and str(start.size))
        workflow = _with_inputs(workflow, "padding", "drawn_at")
    return CompatJob(workflow, values, _warnings(request, settings))


def _with_inputs(workflow: Workflow, *names: str) -> Workflow:
    """The inpainting workflow with more inputs."""
    inputs = workflow.data["inputs"] | {name: f"redraw.{name}" for name in names}
    return Workflow.of(workflow.name, {**workflow.data, "inputs": inputs})


def _common(request: Txt2ImgRequest, settings: A1111Settings) -> dict[str, Any]:
    """The values that every workflow has; raises InputError for those that the model does not support."""
    family = library.find(settings.model).family
    values = {"prompt": request.prompt or "", "model": settings.model, "count": _count(request)} | _given(
        negative_prompt=request.negative_prompt or None,
        seed=_seed(request.seed),
        steps=request.steps,
        guidance=_guidance(request, family.name),
        sampler=_sampler(request),
        clip_skip=_clip_skip(request, settings, family.name),
    )
    for name, why in unsuited(values, family).items():
        raise InputError.about(FIELD_NAMES.get(name, name), why)
    return values


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _count(request: Txt2ImgRequest) -> int:
    if request.n is not None and request.batch_size not in (None, 1, request.n):
        raise InputError.about("n", "it differs from batch_size; give only one of them")
    size = request.n if request.n is not None else request.batch_size
    return (1 if size is None else size) * (1 if request.n_iter is None else request.n_iter)


def _seed(value: int | None) -> int | None:
    try:
        return None if value in (None, -1) else seed(value)
    except ValueError as error:
        raise InputError.about("seed", str(error)) from None


def _guidance(request: Txt2ImgRequest, family: str) -> float | None:
    """The guidance; for FLUX the distilled guidance, which has another name in Forge."""
    if family != "flux1" or request.distilled_cfg_scale is None:
        return request.cfg_scale
    if request.cfg_scale not in (None, 1):
        raise InputError.about("cfg_scale", "this model only uses distilled_cfg_scale; leave cfg_scale at 1")
    return request.distilled_cfg_scale


def _sampler(request: Txt2ImgRequest) -> str | None:
    name, schedule = request.sampler_name or request.sampler_index or "", request.scheduler or ""
    schedule = "" if schedule.lower() in _NO_SCHEDULE else schedule
    if not name and not schedule:
        return None
    automatic = "Automatic" if (request.scheduler or "").lower() == "automatic" else ""
    try:
        found = canonical(name or _DEFAULT_SAMPLER, schedule or automatic)
    except ValueError as error:
        alone = without_schedule(name or _DEFAULT_SAMPLER, schedule)
        field, why = (
            ("scheduler", f"'{alone}' has a schedule of its own; leave it out")
            if alone
            else ("sampler_name", str(error))
        )
        raise InputError.about(field, why) from None
    _check_eta(request.eta, found)
    return found


def _check_eta(eta: float | None, sampler: str) -> None:
    """Refuse an eta that has an effect: stochastic samplers always use 1 and DDIM always 0; others do not use it."""
    noisy = sampler.startswith(("Euler a", "DPM2 a", "DPM++ SDE", "DPM++ 2M SDE"))
    if (noisy and eta not in (None, 1)) or (sampler == "DDIM" and eta not in (None, 0)):
        raise InputError.about("eta", reason("Eta"))


def _clip_skip(request: Txt2ImgRequest, settings: A1111Settings, family: str) -> int | None:
    override = (request.override_settings or {}).get(CLIP_SKIP)
    if override and request.clip_skip and settings.clip_skip != request.clip_skip:
        raise InputError.about("clip_skip", f"it differs from override_settings.{CLIP_SKIP}; give only one of them")
    value = request.clip_skip or settings.clip_skip
    if value == 1:
        return None
    try:
        return clip_skip.ours(value, "A1111", family)
    except ValueError as error:
        raise InputError.about("clip_skip", str(error)) from None


def _second_pass(request: Txt2ImgRequest, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a hires second pass; raises InputError for settings that differ between the passes."""
    same = {
        "hr_second_pass_steps": request.steps, "hr_checkpoint_name": values["model"],
        "hr_sampler_name": request.sampler_name or request.sampler_index, "hr_scheduler": request.scheduler,
        "hr_prompt": request.prompt, "hr_negative_prompt": request.negative_prompt,
        "hr_cfg": request.cfg_scale,
    }  # fmt: skip
    for name, why in unserved(request.model_dump(include=set(HIRES)), HIRES, same):
        raise InputError.about(name, why)
    card = library.find(values["model"])
    sizes = _sizes(request, request.size or str(card.size))
    key, factor = second_pass(sizes)
    if not factor:
        field = "firstphase_width" if SIZE_OF_FIRST in sizes else "hr_resize_x"
        raise InputError.about(field, reason("Hires resize"))
    first = sizes[SIZE_OF_FIRST] if key == SIZE_OF_FIRST else request.size
    strength = request.denoising_strength or max(hires.STRENGTH, 1 / (request.steps or card.defaults.steps))
    return {"factor": factor, "strength": strength} | _given(size=first or None)


def _sizes(request: Txt2ImgRequest, size: str) -> dict[str, str]:
    """The sizes of both passes by the keys of A1111's infotext; ``size`` is that of the first."""
    if request.firstphase_width or request.firstphase_height:
        return {SIZE_OF_FIRST: f"{request.firstphase_width or 0}x{request.firstphase_height or 0}", "Size": size}
    if request.hr_resize_x or request.hr_resize_y:
        if (request.hr_resize_x or 0) % 8 or (request.hr_resize_y or 0) % 8:
            raise InputError.about("hr_resize_x", "each side must be a multiple of 8")
        return {"Hires resize": f"{request.hr_resize_x or 0}x{request.hr_resize_y or 0}", "Size": size}
    return {"Hires upscale": f"{2.0 if request.hr_scale is None else request.hr_scale:.10f}"}


def _refuse(request: Txt2ImgRequest) -> None:
    """Raise InputError for a field that would change the picture and that nothing here follows."""
    for name, why in unserved(request.model_dump(include=set(REQUEST)), REQUEST):
        raise InputError.about(name, why)
    for name, script in (request.alwayson_scripts or {}).items():
        if _is_on(script):
            raise InputError.about(f"alwayson_scripts.{name}", f"{reason('Script')}; leave it out")


def _is_on(script: Any) -> bool:
    """Whether a script is active: its arguments are not all empty, off or disabled."""
    args = script.get("args") if isinstance(script, dict) else script
    listed = args if isinstance(args, list) else [args] if args else []
    if listed and isinstance(listed[0], bool):
        return listed[0]  # the first argument of ADetailer and most other scripts
    return any(one.get("enabled", True) if isinstance(one, dict) else bool(one) for one in listed)


def _warnings(request: Txt2ImgRequest, settings: A1111Settings) -> list[str]:
    """The fields of a request that have no effect."""
    unknown = [f"{name} is not known; ignored" for name in request.model_extra or {}]
    unused = [f"{name} has no effect; ignored" for name in _without_effect(request)]
    overrides = [f"override_settings.{name} has no effect; ignored" for name in settings.ignored]
    latent = ["hr_upscaler: the picture is upscaled with Lanczos, not in latent space"]
    return [*unknown, *unused, *overrides, *(latent if request.enable_hr and request.hr_upscaler == "Latent" else [])]


def _without_effect(request: Txt2ImgRequest) -> Iterator[str]:
    given = request.model_dump(exclude_none=True)
    yield from (name for name in (*_UNUSED, *_SAVING) if given.get(name) not in (None, "", {}, False, 0))
    if isinstance(request, Img2ImgRequest) and request.enable_hr:
        yield "enable_hr"
    if isinstance(request, Img2ImgRequest) or not request.enable_hr:
        yield from (name for name, _ in unserved(given, HIRES))
    if not isinstance(request, Img2ImgRequest) and not request.enable_hr and request.denoising_strength:
        yield "denoising_strength"
    if (
        isinstance(request, Img2ImgRequest)
        and request.inpaint_full_res_padding
        and not (request.mask and request.only_masked)
    ):
        yield "inpaint_full_res_padding"
