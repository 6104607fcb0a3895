"""Samplers by the names people know, each built from the model's own noise schedule.

Building from another scheduler's configuration would carry its flags along (clipping, Karras
sigmas), so only what belongs to the model is taken over and every other flag is set here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, Literal

from studio.diffusion import libraries
from studio.diffusion.patch import patched
from studio.diffusion.samplers.lms import lms
from studio.diffusion.samplers.plms import plms
from studio.diffusion.samplers.sampler_configs import DIFFUSION, FLOW, Recipe
from studio.diffusion.samplers.schedules import placed
from studio.errors import InputError
from studio.parameters.request import Request
from studio.parameters.types import OWN_SAMPLER

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline, SchedulerMixin

Noise = Literal["diffusion", "flow"]
"""How a model was taught: with Gaussian diffusion, or with flow matching."""

TAKES_ETA: Final = ("DDIM", "TCD")
"""Samplers that can put fresh noise in after each step, as much as eta says."""
_MODELS_OWN: Final = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)


def check(request: Request, noise: Noise) -> None:
    """Raise InputError, saying what to take instead, where a sampler does not suit how a model was taught, or an eta is
    asked of one that takes none.
    """
    check_name(request.sampler, noise)
    if noise == "flow" and request.strength is not None and request.sampler == "Heun":
        # FLUX.1's pipelines count its double steps in the strength
        raise InputError("'Heun' mistakes the strength for a flow-matching model; take 'DPM++ 2M'")
    if request.eta is not None and request.sampler not in (OWN_SAMPLER, *TAKES_ETA):
        raise _no_eta(f"'{request.sampler}'")


def _no_eta(who: str) -> InputError:
    text = f"{who} takes no eta; leave eta empty, or take {' or '.join(TAKES_ETA)}"
    return InputError(text, {"eta": text})


def check_name(name: str, noise: Noise) -> None:
    """Raise InputError, saying what to take instead, where a sampler does not suit how a model was taught."""
    if noise == "flow" and name not in (OWN_SAMPLER, *FLOW):
        near = next((known for known in FLOW if name.startswith(f"{known} ")), "Euler")
        raise InputError(
            f"'{name}' does not work for a flow-matching model; take '{near}', or one of {', '.join(FLOW)}"
        )


def build(
    name: str, own: "SchedulerMixin", noise: Noise = "diffusion", aligned: tuple[float, ...] = ()
) -> "SchedulerMixin":
    """A fresh scheduler called ``name`` on the noise schedule of the model's ``own``.

    ``aligned`` are the levels that suit such a model best, where they are known.
    Raises InputError, saying what to take instead, where the two would end in NaN or in noise.
    """
    check_name(name, noise)
    if _trig(own) and name != OWN_SAMPLER:
        raise InputError(f'this model draws with its own sampler only; take "{OWN_SAMPLER}"')
    if (noise == "flow") != _is_flow(own):
        raise InputError(f"this model's scheduler, {type(own).__name__}, does not fit its family, which is of {noise}")
    if name == OWN_SAMPLER:
        return _own_again(own)
    if noise == "flow":
        from studio.diffusion.samplers.flow import sampler

        return sampler(FLOW[name].scheduler, own, beta=FLOW[name].place == "beta")
    return _for_diffusion(name, own, aligned)


def _is_flow(own: "SchedulerMixin") -> bool:
    config = own.config
    return "FlowMatch" in type(own).__name__ or bool(config.get("use_flow_sigmas")) or _trig(own)


def _trig(own: "SchedulerMixin") -> bool:
    """Whether noise goes by a quarter of a circle, as in models distilled by sCM."""
    return bool(own.config.get("prediction_type") == "trigflow")


def _own_again(own: "SchedulerMixin") -> "SchedulerMixin":
    if own.config.get("solver_type") == "bh1":
        raise InputError("the model's own sampler, UniPC with bh1, ends in NaN; take 'UniPC', which is bh2")
    scheduler: SchedulerMixin = _class(type(own).__name__, own).from_config(own.config)
    return scheduler


def _class(name: str, own: "SchedulerMixin") -> Any:
    """A scheduler class by its name; the model's own may be none of diffusers'."""
    if name == "PNDMScheduler":
        return plms()
    if name == "LMS":
        return lms()
    return type(own) if name == type(own).__name__ else getattr(libraries.diffusers(), name)


def _for_diffusion(name: str, own: "SchedulerMixin", aligned: tuple[float, ...]) -> "SchedulerMixin":
    recipe = DIFFUSION[name]
    made = _class(recipe.scheduler, own)
    if recipe.place == "aligned" and not aligned:
        raise InputError(f"nobody has measured '{name}' for this kind of model; take '{name.replace('AYS', 'Beta')}'")
    if recipe.place:
        made = placed(made, aligned if recipe.place == "aligned" else ())
    _refuse_misfit(name, recipe, own, signature(made.__init__).parameters)
    flags = {key: own.config[key] for key in _MODELS_OWN if key in own.config}
    flags |= {**_spacing(recipe, own), **recipe.flags}
    scheduler: SchedulerMixin = made(**{k: v for k, v in flags.items() if k in signature(made.__init__).parameters})
    return scheduler


def _refuse_misfit(name: str, recipe: Recipe, own: "SchedulerMixin", takes: Mapping[str, Any]) -> None:
    if "beta_schedule" not in own.config or type(own).__name__.startswith("EDM"):
        raise InputError(f"'{name}' does not know this model's noise ({type(own).__name__}); take '{OWN_SAMPLER}'")
    zero = own.config.get("rescale_betas_zero_snr")
    if zero and ("rescale_betas_zero_snr" not in takes or recipe.ends):
        raise InputError(f"'{name}' does not work for a model that begins in pure noise (zero terminal SNR); take "
                         "'Euler', 'Euler a', 'DPM++ 2M', 'UniPC' or 'DDIM'")  # fmt: skip


def _spacing(recipe: Recipe, own: "SchedulerMixin") -> dict[str, Any]:
    """Trailing where the model wants it: https://arxiv.org/abs/2305.08891, section 3.3."""
    trailing = own.config.get("timestep_spacing") == "trailing" or own.config.get("rescale_betas_zero_snr")
    spacing = "trailing" if trailing and not recipe.ends else recipe.spacing
    return {"timestep_spacing": spacing, "steps_offset": 0 if spacing == "linspace" else 1}


def check_steps(scheduler: "SchedulerMixin", steps: int) -> None:
    """Raise InputError where a sampler for few steps is asked for more than it was distilled from."""
    most = scheduler.config.get("original_inference_steps") or steps
    if steps > most:
        raise InputError(
            f"{type(scheduler).__name__.removesuffix('Scheduler')} takes at most {most} steps, not {steps}"
        )


@contextmanager
def swapped(
    pipeline: "DiffusionPipeline", request: Request, noise: Noise, aligned: tuple[float, ...] = ()
) -> Iterator[None]:
    """While inside, the pipeline uses a fresh sampler as the request names it; after, its own again."""
    fresh = build(request.sampler, pipeline.scheduler, noise, aligned)
    check_steps(fresh, request.steps)
    own, pipeline.scheduler = pipeline.scheduler, fresh
    try:
        with _with_eta(fresh, request.eta):
            yield
    finally:
        pipeline.scheduler = own


@contextmanager
def _with_eta(scheduler: "SchedulerMixin", eta: float | None) -> Iterator[None]:
    """While inside, each step takes this eta; pipelines hand on one of their own."""
    if eta is None:
        yield
        return
    if "eta" not in signature(scheduler.step).parameters:
        raise _no_eta("the model's own sampler")
    with patched(
        scheduler, "step", lambda step: wraps(step)(lambda *given, **named: step(*given, **{**named, "eta": eta}))
    ):
        yield
