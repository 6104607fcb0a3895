"""A request as A1111's clients make it, as a workflow of ours with its values; what cannot be followed is refused.

A field that would change the picture and that nothing here follows is an InputError that names it. What changes no
picture is named among the warnings, never dropped unsaid.
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
from studio.server.api.a1111_requests import Asked, AskedOfPicture
from studio.server.api.a1111_settings import CLIP_SKIP, Settings
from studio.server.api.compat import Wanted, workflow_with_vae
from studio.steps import hires
from studio.workflow.workflow import Workflow

_NO_SCHEDULE: Final = ("", "automatic", "use same scheduler")
_DEFAULT_SAMPLER: Final = "Euler"  # A1111's, where a schedule is named alone


def from_words(asked: Asked, settings: Settings, library: Library) -> Wanted:
    """The job for pictures from words; raises InputError that names a field that is wrong or cannot be followed."""
    _refuse(asked)
    values = _common(asked, settings, library)
    if asked.enable_hr:
        values |= _second_pass(asked, values, library)
    elif asked.size:
        values["size"] = asked.size
    if asked.enable_hr and asked.tiling:
        raise InputError.about("tiling", "there is no second pass for seamless tiles here; leave enable_hr out")
    workflow = "hires" if asked.enable_hr else "seamless-pattern" if asked.tiling else "text-to-image"
    return Wanted(workflow_with_vae(workflow, settings.vae, library), values, _warnings(asked, settings))


def from_picture(asked: AskedOfPicture, settings: Settings, session: Session) -> Wanted:
    """The job for pictures from a picture, which is kept in the output folder; raises as ``from_words`` does."""
    library = session.library
    _refuse(asked)
    if asked.tiling:
        raise InputError.about("tiling", reason(keys.TILING))
    begun = a1111_pictures.start(asked, session.settings.output, library.models.find(settings.model).size)
    values = _common(asked, settings, library)
    values |= _given(image=begun.image, mask=begun.mask, strength=asked.denoising_strength)
    if begun.size and not begun.mask:
        values["size"] = str(begun.size)
    workflow = workflow_with_vae("inpaint" if begun.mask else "image-to-image", settings.vae, library)
    if begun.mask and asked.only_masked:
        values |= _given(padding=asked.inpaint_full_res_padding, drawn_at=begun.size and str(begun.size))
        workflow = _with_inputs(workflow, library, "padding", "drawn_at")
    return Wanted(workflow, values, _warnings(asked, settings))


def _with_inputs(workflow: Workflow, library: Library, *names: str) -> Workflow:
    """The workflow for inpainting with more of its step's parameters as inputs."""
    inputs = workflow.data["inputs"] | {name: f"redraw.{name}" for name in names}
    return Workflow.of(workflow.name, {**workflow.data, "inputs": inputs}, library)


def _common(asked: Asked, settings: Settings, library: Library) -> dict[str, Any]:
    """What every workflow takes; raises InputError also for what the model has nothing for."""
    family, sampler = library.models.find(settings.model).family, _sampler(asked)
    values = {"prompt": asked.prompt or "", "model": settings.model, "count": _count(asked)} | _given(
        negative_prompt=asked.negative_prompt or None,
        seed=_seed(asked.seed),
        steps=asked.steps,
        guidance=_guidance(asked, family.name),
        sampler=sampler,
        eta=_eta(asked.eta, sampler),
        clip_skip=_clip_skip(asked, settings, family.name),
    )
    for name, why in unsupported_inputs(values, family).items():
        raise InputError.about(FIELDS.get(name, name), why)
    return values


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _count(asked: Asked) -> int:
    if asked.n is not None and asked.batch_size not in (None, 1, asked.n):
        raise InputError.about("n", "it says another number of pictures than batch_size; give one of them")
    size = asked.n if asked.n is not None else asked.batch_size
    return (1 if size is None else size) * (1 if asked.n_iter is None else asked.n_iter)


def _seed(value: int | None) -> int | None:
    try:
        return None if value in (None, -1) else seed(value)
    except ValueError as error:
        raise InputError.about("seed", str(error)) from None


def _guidance(asked: Asked, family: str) -> float | None:
    """The guidance; of FLUX that which it was distilled with, which Forge calls by a name of its own."""
    if family != "flux1" or asked.distilled_cfg_scale is None:
        return asked.cfg_scale
    if asked.cfg_scale not in (None, 1):
        raise InputError.about("cfg_scale", "this model is told distilled_cfg_scale alone; leave cfg_scale at 1")
    return asked.distilled_cfg_scale


def _sampler(asked: Asked) -> str | None:
    name, schedule = asked.sampler_name or asked.sampler_index or "", asked.scheduler or ""
    schedule = "" if schedule.lower() in _NO_SCHEDULE else schedule
    if not name and not schedule:
        return None
    automatic = "Automatic" if (asked.scheduler or "").lower() == "automatic" else ""
    try:
        return canonical(name or _DEFAULT_SAMPLER, schedule or automatic)
    except ValueError as error:
        alone = without_schedule(name or _DEFAULT_SAMPLER, schedule)
        field, why = ("scheduler", f"'{alone}' goes by its own here") if alone else ("sampler_name", str(error))
        raise InputError.about(field, why) from None


def _eta(eta: float | None, sampler: str | None) -> float | None:
    """The eta for DDIM, which adds no noise by default, and TCD. Ancestral and SDE samplers add all of it here.

    The other samplers have no eta in A1111 either, and ignore it.
    """
    if sampler in keys.ETA_OF:
        return None if sampler == "DDIM" and not eta else eta
    if sampler and sampler.startswith(("Euler a", "DPM2 a", "DPM++ SDE", "DPM++ 2M SDE")) and eta not in (None, 1):
        raise InputError.about("eta", reason(keys.ETA))
    return None


def _clip_skip(asked: Asked, settings: Settings, family: str) -> int | None:
    own = (asked.override_settings or {}).get(CLIP_SKIP)
    if own and asked.clip_skip and settings.clip_skip != asked.clip_skip:
        raise InputError.about("clip_skip", f"override_settings.{CLIP_SKIP} says another one; give one of them")
    said = asked.clip_skip or settings.clip_skip
    if said == 1:
        return None
    try:
        return clip_skip.to_studio(said, "A1111", family)
    except ValueError as error:
        raise InputError.about("clip_skip", str(error)) from None


def _second_pass(asked: Asked, values: Mapping[str, Any], library: Library) -> dict[str, Any]:
    """The values of a larger second pass, and the size of the first; raises InputError for what both do not share."""
    same = {
        "hr_second_pass_steps": asked.steps, "hr_checkpoint_name": values["model"],
        "hr_sampler_name": asked.sampler_name or asked.sampler_index, "hr_scheduler": asked.scheduler,
        "hr_prompt": asked.prompt, "hr_negative_prompt": asked.negative_prompt,
        "hr_cfg": asked.cfg_scale,
    }  # fmt: skip
    for name, why in unsupported_fields(asked.model_dump(include=set(HIRES)), HIRES, same):
        raise InputError.about(name, why)
    card = library.models.find(values["model"])
    said = _sizes(asked, asked.size or str(card.size))
    key, factor = second_pass(said)
    if not factor:
        field = "firstphase_width" if keys.FIRST_PASS_SIZE in said else "hr_resize_x"
        raise InputError.about(field, reason(keys.HIRES_RESIZE))
    first = said[keys.FIRST_PASS_SIZE] if key == keys.FIRST_PASS_SIZE else asked.size
    strength = asked.denoising_strength or max(hires.STRENGTH, 1 / (asked.steps or card.defaults.steps))
    return {"factor": factor, "strength": strength} | _given(size=first or None)


def _sizes(asked: Asked, size: str) -> dict[str, str]:
    """What a request says of the sizes of both passes, by the keys of A1111's text; ``size`` is that of the first."""
    if asked.firstphase_width or asked.firstphase_height:
        return {keys.FIRST_PASS_SIZE: f"{asked.firstphase_width or 0}x{asked.firstphase_height or 0}", keys.SIZE: size}
    if asked.hr_resize_x or asked.hr_resize_y:
        if (asked.hr_resize_x or 0) % 8 or (asked.hr_resize_y or 0) % 8:
            raise InputError.about("hr_resize_x", "each side must be a multiple of 8")
        return {keys.HIRES_RESIZE: f"{asked.hr_resize_x or 0}x{asked.hr_resize_y or 0}", keys.SIZE: size}
    return {keys.HIRES_UPSCALE: f"{2.0 if asked.hr_scale is None else asked.hr_scale:.10f}"}


def _refuse(asked: Asked) -> None:
    """Raise InputError for a field that would change the picture and that nothing here follows."""
    for name, why in unsupported_fields(asked.model_dump(include=set(REQUEST)), REQUEST):
        raise InputError.about(name, why)
    for name, script in (asked.alwayson_scripts or {}).items():
        if _is_on(script):
            raise InputError.about(f"alwayson_scripts.{name}", f"{reason('Script')}; leave it out")


def _is_on(script: Any) -> bool:
    """Whether a script of A1111's does anything: its arguments are not all empty, off or not enabled."""
    args = script.get("args") if isinstance(script, dict) else script
    listed = args if isinstance(args, list) else [args] if args else []
    if listed and isinstance(listed[0], bool):
        return listed[0]  # as ADetailer and most others begin
    return any(one.get("enabled", True) if isinstance(one, dict) else bool(one) for one in listed)


def _warnings(asked: Asked, settings: Settings) -> list[str]:
    """What a request asks that changes no picture here."""
    strangers = [f"{name} is not known here; ignored" for name in asked.model_extra or {}]
    named = [f"{name} has no effect here; ignored" for name in _without_effect(asked)]
    told = [f"override_settings.{name} has no effect here; ignored" for name in settings.ignored]
    instead = ["hr_upscaler: the picture is enlarged by Lanczos here, not as latents"]
    return [*strangers, *named, *told, *(instead if asked.enable_hr and asked.hr_upscaler == "Latent" else [])]


def _without_effect(asked: Asked) -> Iterator[str]:
    said = asked.model_dump(exclude_none=True)
    yield from (name for name in NO_EFFECT if said.get(name) not in (None, "", {}, False, 0))
    if isinstance(asked, AskedOfPicture) and asked.enable_hr:
        yield "enable_hr"
    if isinstance(asked, AskedOfPicture) or not asked.enable_hr:
        yield from (name for name, _ in unsupported_fields(said, HIRES))
    if not isinstance(asked, AskedOfPicture) and not asked.enable_hr and asked.denoising_strength:
        yield "denoising_strength"
    if isinstance(asked, AskedOfPicture) and asked.inpaint_full_res_padding and not (asked.mask and asked.only_masked):
        yield "inpaint_full_res_padding"
