"""Turns a request of A1111's API into a workflow with values.

A field that would change the picture and is not supported raises an InputError that names it. Fields without an effect
are listed in the warnings.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from studio.errors import InputError
from studio.imports.a1111_fields import FIELDS, HIRES, NO_EFFECT, REQUEST, second_pass, unsupported_fields
from studio.imports.importing import unsupported_inputs
from studio.imports.json_validators import seed
from studio.imports.unsupported import reason
from studio.library import Library
from studio.parameters.sampler_names import canonical, without_schedule
from studio.pictures import a1111_keys as keys
from studio.pictures import clip_skip
from studio.runtime.session import Session
from studio.server.api import a1111_pictures
from studio.server.api.a1111_requests import Img2ImgRequest, Txt2ImgRequest
from studio.server.api.a1111_settings import CLIP_SKIP, A1111Settings
from studio.server.api.compat import CompatJob, workflow_with_vae
from studio.steps import hires
from studio.workflow.workflow import Workflow

_NO_SCHEDULE: Final = ("", "automatic", "use same scheduler")
_DEFAULT_SAMPLER: Final = "Euler"  # A1111's default, if only a schedule is given


def txt2img(request: Txt2ImgRequest, settings: A1111Settings, library: Library) -> CompatJob:
    """The job of a txt2img request; raises InputError about a field that is wrong or not supported."""
    _refuse(request)
    values = _common(request, settings, library)
    if request.enable_hr:
        values |= _second_pass(request, values, library)
    elif request.size:
        values["size"] = request.size
    if request.enable_hr and request.tiling:
        raise InputError.about("tiling", "seamless tiles have no second pass; leave enable_hr out")
    workflow = "hires" if request.enable_hr else "seamless-pattern" if request.tiling else "text-to-image"
    return CompatJob(workflow_with_vae(workflow, settings.vae, library), values, _warnings(request, settings))


def img2img(request: Img2ImgRequest, settings: A1111Settings, session: Session) -> CompatJob:
    """The job of an img2img request, whose picture is kept in the output folder; raises like ``txt2img``."""
    library = session.library
    _refuse(request)
    if request.tiling:
        raise InputError.about("tiling", reason(keys.TILING))
    start = a1111_pictures.start(request, session.settings.output, library.models.find(settings.model).size)
    values = _common(request, settings, library)
    values |= _given(image=start.image, mask=start.mask, strength=request.denoising_strength)
    if start.size and not start.mask:
        values["size"] = str(start.size)
    workflow = workflow_with_vae("inpaint" if start.mask else "image-to-image", settings.vae, library)
    if start.mask and request.only_masked:
        values |= _given(padding=request.inpaint_full_res_padding, drawn_at=start.size and str(start.size))
        workflow = _with_inputs(workflow, library, "padding", "drawn_at")
    return CompatJob(workflow, values, _warnings(request, settings))


def _with_inputs(workflow: Workflow, library: Library, *names: str) -> Workflow:
    """The inpainting workflow with more inputs."""
    inputs = workflow.data["inputs"] | {name: f"redraw.{name}" for name in names}
    return Workflow.of(workflow.name, {**workflow.data, "inputs": inputs}, library)


def _common(request: Txt2ImgRequest, settings: A1111Settings, library: Library) -> dict[str, Any]:
    """The values that every workflow has; raises InputError for those that the model does not support."""
    family, sampler = library.models.find(settings.model).family, _sampler(request)
    values = {"prompt": request.prompt or "", "model": settings.model, "count": _count(request)} | _given(
        negative_prompt=request.negative_prompt or None,
        seed=_seed(request.seed),
        steps=request.steps,
        guidance=_guidance(request, family.name),
        sampler=sampler,
        eta=_eta(request.eta, sampler),
        clip_skip=_clip_skip(request, settings, family.name),
    )
    for name, why in unsupported_inputs(values, family).items():
        raise InputError.about(FIELDS.get(name, name), why)
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
        return canonical(name or _DEFAULT_SAMPLER, schedule or automatic)
    except ValueError as error:
        alone = without_schedule(name or _DEFAULT_SAMPLER, schedule)
        field, why = (
            ("scheduler", f"'{alone}' has a schedule of its own; leave it out")
            if alone
            else ("sampler_name", str(error))
        )
        raise InputError.about(field, why) from None


def _eta(eta: float | None, sampler: str | None) -> float | None:
    """The eta for DDIM, which adds no noise by default, and TCD. Ancestral and SDE samplers always use 1 here.

    The other samplers have no eta in A1111 either, and ignore it.
    """
    if sampler in keys.ETA_OF:
        return None if sampler == "DDIM" and not eta else eta
    if sampler and sampler.startswith(("Euler a", "DPM2 a", "DPM++ SDE", "DPM++ 2M SDE")) and eta not in (None, 1):
        raise InputError.about("eta", reason(keys.ETA))
    return None


def _clip_skip(request: Txt2ImgRequest, settings: A1111Settings, family: str) -> int | None:
    override = (request.override_settings or {}).get(CLIP_SKIP)
    if override and request.clip_skip and settings.clip_skip != request.clip_skip:
        raise InputError.about("clip_skip", f"it differs from override_settings.{CLIP_SKIP}; give only one of them")
    value = request.clip_skip or settings.clip_skip
    if value == 1:
        return None
    try:
        return clip_skip.to_studio(value, "A1111", family)
    except ValueError as error:
        raise InputError.about("clip_skip", str(error)) from None


def _second_pass(request: Txt2ImgRequest, values: Mapping[str, Any], library: Library) -> dict[str, Any]:
    """The values of a hires second pass; raises InputError for settings that differ between the passes."""
    same = {
        "hr_second_pass_steps": request.steps, "hr_checkpoint_name": values["model"],
        "hr_sampler_name": request.sampler_name or request.sampler_index, "hr_scheduler": request.scheduler,
        "hr_prompt": request.prompt, "hr_negative_prompt": request.negative_prompt,
        "hr_cfg": request.cfg_scale,
    }  # fmt: skip
    for name, why in unsupported_fields(request.model_dump(include=set(HIRES)), HIRES, same):
        raise InputError.about(name, why)
    card = library.models.find(values["model"])
    sizes = _sizes(request, request.size or str(card.size))
    key, factor = second_pass(sizes)
    if not factor:
        field = "firstphase_width" if keys.FIRST_PASS_SIZE in sizes else "hr_resize_x"
        raise InputError.about(field, reason(keys.HIRES_RESIZE))
    first = sizes[keys.FIRST_PASS_SIZE] if key == keys.FIRST_PASS_SIZE else request.size
    strength = request.denoising_strength or max(hires.STRENGTH, 1 / (request.steps or card.defaults.steps))
    return {"factor": factor, "strength": strength} | _given(size=first or None)


def _sizes(request: Txt2ImgRequest, size: str) -> dict[str, str]:
    """The sizes of both passes by the keys of A1111's infotext; ``size`` is that of the first."""
    if request.firstphase_width or request.firstphase_height:
        return {
            keys.FIRST_PASS_SIZE: f"{request.firstphase_width or 0}x{request.firstphase_height or 0}",
            keys.SIZE: size,
        }
    if request.hr_resize_x or request.hr_resize_y:
        if (request.hr_resize_x or 0) % 8 or (request.hr_resize_y or 0) % 8:
            raise InputError.about("hr_resize_x", "each side must be a multiple of 8")
        return {keys.HIRES_RESIZE: f"{request.hr_resize_x or 0}x{request.hr_resize_y or 0}", keys.SIZE: size}
    return {keys.HIRES_UPSCALE: f"{2.0 if request.hr_scale is None else request.hr_scale:.10f}"}


def _refuse(request: Txt2ImgRequest) -> None:
    """Raise InputError for a field that would change the picture and that nothing here follows."""
    for name, why in unsupported_fields(request.model_dump(include=set(REQUEST)), REQUEST):
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
    yield from (name for name in NO_EFFECT if given.get(name) not in (None, "", {}, False, 0))
    if isinstance(request, Img2ImgRequest) and request.enable_hr:
        yield "enable_hr"
    if isinstance(request, Img2ImgRequest) or not request.enable_hr:
        yield from (name for name, _ in unsupported_fields(given, HIRES))
    if not isinstance(request, Img2ImgRequest) and not request.enable_hr and request.denoising_strength:
        yield "denoising_strength"
    if (
        isinstance(request, Img2ImgRequest)
        and request.inpaint_full_res_padding
        and not (request.mask and request.only_masked)
    ):
        yield "inpaint_full_res_padding"
