"""Samplers by name, each built on the model's own noise schedule.

Building from another scheduler's configuration would carry over its flags (clipping, Karras sigmas), so only what
belongs to the model is taken from it and every other flag is set here.
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
from studio.diffusion.samplers.sampler_configs import DIFFUSION, FLOW, SamplerConfig
from studio.diffusion.samplers.schedules import with_sigmas
from studio.errors import InputError
from studio.parameters.request import Request
from studio.parameters.types import OWN_SAMPLER

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline, SchedulerMixin

Noise = Literal["diffusion", "flow"]
"""How a model was trained: with Gaussian diffusion, or with flow matching."""

TAKES_ETA: Final = ("DDIM", "TCD")
"""Samplers that can add fresh noise after each step, as much as eta says."""
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
    """Raise InputError, saying what to take instead, where a sampler does not suit a model's training, or eta is set
    for one without it.
    """
    check_name(request.sampler, noise)
    if noise == "flow" and request.strength is not None and request.sampler == "Heun":
        # FLUX.1's pipelines count its double steps in the strength
        raise InputError("'Heun' gets the strength wrong for a flow-matching model; take 'DPM++ 2M'")
    if request.eta is not None and request.sampler not in (OWN_SAMPLER, *TAKES_ETA):
        raise _no_eta(f"'{request.sampler}'")


def _no_eta(who: str) -> InputError:
    text = f"{who} has no eta; leave eta empty, or take {' or '.join(TAKES_ETA)}"
    return InputError(text, {"eta": text})


def check_name(name: str, noise: Noise) -> None:
    """Raise InputError, saying what to take instead, where a sampler does not suit a model's training."""
    if noise == "flow" and name not in (OWN_SAMPLER, *FLOW):
        near = next((known for known in FLOW if name.startswith(f"{known} ")), "Euler")
        raise InputError(
            f"'{name}' does not work for a flow-matching model; take '{near}', or one of {', '.join(FLOW)}"
        )


def build(
    name: str, own: "SchedulerMixin", noise: Noise = "diffusion", ays_sigmas: tuple[float, ...] = ()
) -> "SchedulerMixin":
    """A new scheduler called ``name`` on the noise schedule of the model's ``own``.

    ``ays_sigmas`` are the noise levels that Align Your Steps found for such models, if any. Raises InputError, saying
    what to take instead, where the sampler would end in NaN or noise.
    """
    check_name(name, noise)
    if _is_trigflow(own) and name != OWN_SAMPLER:
        raise InputError(f'this model draws with its own sampler only; take "{OWN_SAMPLER}"')
    if (noise == "flow") != _is_flow(own):
        raise InputError(f"this model's scheduler, {type(own).__name__}, does not fit its family, which uses {noise}")
    if name == OWN_SAMPLER:
        return _fresh_copy(own)
    if noise == "flow":
        from studio.diffusion.samplers.flow import sampler

        return sampler(FLOW[name].scheduler, own, beta=FLOW[name].schedule == "beta")
    return _for_diffusion(name, own, ays_sigmas)


def _is_flow(own: "SchedulerMixin") -> bool:
    config = own.config
    return "FlowMatch" in type(own).__name__ or bool(config.get("use_flow_sigmas")) or _is_trigflow(own)


def _is_trigflow(own: "SchedulerMixin") -> bool:
    """Whether the noise schedule is trigonometric, as in models distilled by sCM."""
    return bool(own.config.get("prediction_type") == "trigflow")


def _fresh_copy(own: "SchedulerMixin") -> "SchedulerMixin":
    if own.config.get("solver_type") == "bh1":
        raise InputError("the model's own sampler, UniPC with bh1, ends in NaN; take 'UniPC', which is bh2")
    scheduler: SchedulerMixin = _class(type(own).__name__, own).from_config(own.config)
    return scheduler


def _class(name: str, own: "SchedulerMixin") -> Any:
    """A scheduler class by its name; the model's own may not be in diffusers."""
    if name == "PNDMScheduler":
        return plms()
    if name == "LMS":
        return lms()
    return type(own) if name == type(own).__name__ else getattr(libraries.diffusers(), name)


def _for_diffusion(name: str, own: "SchedulerMixin", ays_sigmas: tuple[float, ...]) -> "SchedulerMixin":
    config = DIFFUSION[name]
    made = _class(config.scheduler, own)
    if config.schedule == "ays" and not ays_sigmas:
        raise InputError(f"there is no '{name}' schedule for this kind of model; take '{name.replace('AYS', 'Beta')}'")
    if config.schedule:
        made = with_sigmas(made, ays_sigmas if config.schedule == "ays" else ())
    _check_model(name, config, own, signature(made.__init__).parameters)
    flags = {key: own.config[key] for key in _MODELS_OWN if key in own.config}
    flags |= {**_spacing(config, own), **config.flags}
    scheduler: SchedulerMixin = made(**{k: v for k, v in flags.items() if k in signature(made.__init__).parameters})
    return scheduler


def _check_model(name: str, config: SamplerConfig, own: "SchedulerMixin", takes: Mapping[str, Any]) -> None:
    if "beta_schedule" not in own.config or type(own).__name__.startswith("EDM"):
        raise InputError(
            f"'{name}' does not support this model's noise schedule ({type(own).__name__}); take '{OWN_SAMPLER}'"
        )
    zero = own.config.get("rescale_betas_zero_snr")
    if zero and ("rescale_betas_zero_snr" not in takes or config.full_range):
        raise InputError(f"'{name}' does not work for a model that begins in pure noise (zero terminal SNR); take "
                         "'Euler', 'Euler a', 'DPM++ 2M', 'UniPC' or 'DDIM'")  # fmt: skip


def _spacing(config: SamplerConfig, own: "SchedulerMixin") -> dict[str, Any]:
    """Trailing where the model wants it: https://arxiv.org/abs/2305.08891, section 3.3."""
    trailing = own.config.get("timestep_spacing") == "trailing" or own.config.get("rescale_betas_zero_snr")
    spacing = "trailing" if trailing and not config.full_range else config.spacing
    return {"timestep_spacing": spacing, "steps_offset": 0 if spacing == "linspace" else 1}


def check_steps(scheduler: "SchedulerMixin", steps: int) -> None:
    """Raise InputError where a few-step sampler is asked for more steps than it was distilled from."""
    most = scheduler.config.get("original_inference_steps") or steps
    if steps > most:
        raise InputError(
            f"{type(scheduler).__name__.removesuffix('Scheduler')} takes at most {most} steps, not {steps}"
        )


@contextmanager
def sampler_in_use(
    pipeline: "DiffusionPipeline", request: Request, noise: Noise, ays_sigmas: tuple[float, ...] = ()
) -> Iterator[None]:
    """While inside, the pipeline uses a new sampler for the request; afterwards its own again."""
    fresh = build(request.sampler, pipeline.scheduler, noise, ays_sigmas)
    check_steps(fresh, request.steps)
    own, pipeline.scheduler = pipeline.scheduler, fresh
    try:
        with _with_eta(fresh, request.eta):
            yield
    finally:
        pipeline.scheduler = own


@contextmanager
def _with_eta(scheduler: "SchedulerMixin", eta: float | None) -> Iterator[None]:
    """While inside, each step uses this eta; pipelines pass one of their own."""
    if eta is None:
        yield
        return
    if "eta" not in signature(scheduler.step).parameters:
        raise _no_eta("the model's own sampler")
    with patched(
        scheduler, "step", lambda step: wraps(step)(lambda *args, **kwargs: step(*args, **{**kwargs, "eta": eta}))
    ):
        yield
