"""Samplers by the names people know, each built from the model's own noise schedule.

Building from another scheduler's configuration would carry its flags along (clipping, Karras
sigmas), so only what belongs to the model is taken over and every other flag is set here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from studio.engine.lms import lms
from studio.engine.plms import plms
from studio.engine.schedules import placed
from studio.errors import InputError
from studio.kinds import OWN_SAMPLER

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline, SchedulerMixin

Noise = Literal["diffusion", "flow"]
"""How a model was taught: with Gaussian diffusion, or with flow matching."""

_MODELS_OWN: Final = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)


@dataclass(frozen=True)
class Recipe:
    """A diffusers scheduler and its flags.

    ``spacing`` is where the steps lie unless the model wants "trailing": "linspace" is what k-diffusion
    does, "leading" what DDIM and PLMS count on. ``ends`` must be reached exactly, so it overrules the model. ``place``
    says which of the ``schedules`` takes the place of Karras'.
    """

    scheduler: str
    flags: Mapping[str, Any]
    spacing: Literal["linspace", "leading", "trailing"] = "linspace"
    ends: bool = False
    place: Literal["", "beta", "aligned"] = ""


_PLAIN: Final = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}
_KARRAS: Final = _PLAIN | {"use_karras_sigmas": True}
_EXPONENTIAL: Final = _PLAIN | {"use_exponential_sigmas": True}
_DPM: Final = {"solver_order": 2, "solver_type": "midpoint", "lower_order_final": True, "thresholding": False,
               "final_sigmas_type": "zero", "use_flow_sigmas": False}  # fmt: skip
_2M: Final = _DPM | {"algorithm_type": "dpmsolver++", "euler_at_final": False, "use_lu_lambdas": False}
_2M_SDE: Final = _2M | {"algorithm_type": "sde-dpmsolver++"}
_SDE: Final = _DPM | {"algorithm_type": "sde-dpmsolver++"}
_EULER: Final = {"interpolation_type": "linear", "timestep_type": "discrete", "final_sigmas_type": "zero"}
_UNIPC: Final = {"solver_order": 2, "solver_type": "bh2", "predict_x0": True, "lower_order_final": True,
                 "thresholding": False, "final_sigmas_type": "zero", "use_flow_sigmas": False}  # fmt: skip
_DDIM: Final = {"clip_sample": False, "thresholding": False, "set_alpha_to_one": True}
_DEIS: Final = {"solver_order": 2, "algorithm_type": "deis", "solver_type": "logrho", "lower_order_final": True,
                "thresholding": False, "use_flow_sigmas": False}  # fmt: skip
_SA: Final = {"predictor_order": 2, "corrector_order": 2, "thresholding": False, "algorithm_type": "data_prediction",
              "lower_order_final": True, "use_flow_sigmas": False}  # fmt: skip


def _timed(scheduler: str, flags: Mapping[str, Any]) -> Recipe:
    """With a schedule that reaches from the noisiest sigma to the cleanest, whatever the model's spacing."""
    return Recipe(scheduler, flags, ends=True)


def _beta(scheduler: str, flags: Mapping[str, Any]) -> Recipe:
    return Recipe(scheduler, {**flags, **_KARRAS}, ends=True, place="beta")


def _aligned(scheduler: str, flags: Mapping[str, Any]) -> Recipe:
    return Recipe(scheduler, {**flags, **_KARRAS}, ends=True, place="aligned")


_M, _S = "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"
DIFFUSION: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "Euler": Recipe("EulerDiscreteScheduler", _EULER | _PLAIN),
        "Euler Karras": _timed("EulerDiscreteScheduler", _EULER | _KARRAS),
        "Euler Exponential": _timed("EulerDiscreteScheduler", _EULER | _EXPONENTIAL),
        "Euler Beta": _beta("EulerDiscreteScheduler", _EULER),
        "Euler AYS": _aligned("EulerDiscreteScheduler", _EULER),
        "Euler SGM Uniform": Recipe("EulerDiscreteScheduler", _EULER | _PLAIN, "trailing"),
        "Euler a": Recipe("EulerAncestralDiscreteScheduler", {}),
        "Heun": Recipe("HeunDiscreteScheduler", _PLAIN | {"clip_sample": False}),
        "Heun Karras": _timed("HeunDiscreteScheduler", _KARRAS | {"clip_sample": False}),
        "Heun Beta": _beta("HeunDiscreteScheduler", {"clip_sample": False}),
        "LMS": Recipe("LMS", _EULER | _PLAIN),
        "LMS Karras": _timed("LMS", _EULER | _KARRAS),
        "DPM2": Recipe("KDPM2DiscreteScheduler", _PLAIN),
        "DPM2 Karras": _timed("KDPM2DiscreteScheduler", _KARRAS),
        "DPM2 a": Recipe("KDPM2AncestralDiscreteScheduler", _PLAIN),
        "DPM2 a Karras": _timed("KDPM2AncestralDiscreteScheduler", _KARRAS),
        "DPM++ 2M": Recipe(_M, _2M | _PLAIN),
        "DPM++ 2M Karras": _timed(_M, _2M | _KARRAS),
        "DPM++ 2M Exponential": _timed(_M, _2M | _EXPONENTIAL),
        "DPM++ 2M Beta": _beta(_M, _2M),
        "DPM++ 2M AYS": _aligned(_M, _2M),
        "DPM++ 2M SGM Uniform": Recipe(_M, _2M | _PLAIN, "trailing"),
        "DPM++ 2M SDE": Recipe(_M, _2M_SDE | _PLAIN),
        "DPM++ 2M SDE Karras": _timed(_M, _2M_SDE | _KARRAS),
        "DPM++ 2M SDE Exponential": _timed(_M, _2M_SDE | _EXPONENTIAL),
        "DPM++ 2M SDE Beta": _beta(_M, _2M_SDE),
        "DPM++ 2M SDE AYS": _aligned(_M, _2M_SDE),
        "DPM++ 2M SDE SGM Uniform": Recipe(_M, _2M_SDE | _PLAIN, "trailing"),
        "DPM++ SDE": Recipe(_S, _SDE | _PLAIN),
        "DPM++ SDE Karras": _timed(_S, _SDE | _KARRAS),
        "DPM++ SDE Exponential": _timed(_S, _SDE | _EXPONENTIAL),
        "DPM++ SDE Beta": _beta(_S, _SDE),
        "DPM++ SDE AYS": _aligned(_S, _SDE),
        "UniPC": Recipe("UniPCMultistepScheduler", _UNIPC | _PLAIN),
        "UniPC Karras": _timed("UniPCMultistepScheduler", _UNIPC | _KARRAS),
        "UniPC Beta": _beta("UniPCMultistepScheduler", _UNIPC),
        "UniPC SGM Uniform": Recipe("UniPCMultistepScheduler", _UNIPC | _PLAIN, "trailing"),
        "DDIM": Recipe("DDIMScheduler", _DDIM, "leading"),
        "DDPM": Recipe("DDPMScheduler", {"clip_sample": False, "thresholding": False, "variance_type": "fixed_small"}),
        "PLMS": Recipe("PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": True}, "leading"),
        "DEIS": Recipe("DEISMultistepScheduler", _DEIS | _PLAIN),
        "SA-Solver": Recipe("SASolverScheduler", _SA | _PLAIN),
        "LCM": Recipe("LCMScheduler", _DDIM | {"original_inference_steps": 50}),
        "TCD": Recipe("TCDScheduler", _DDIM | {"original_inference_steps": 50}),
    }
)
"""For diffusion. "DPM++ SDE" asks the model once a step where k-diffusion's does twice: it wants twice the steps.

DEIS on Karras sigmas or Beta does not end at zero, and DPM++ 3M SDE leaves noise over (diffusers 0.42.1).
"""

_F: Final = "FlowMatchEulerDiscreteScheduler"
FLOW: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "Euler": Recipe(_F, {}),
        "Euler Beta": Recipe(_F, {}, place="beta"),
        "Euler SGM Uniform": Recipe(_F, {}),  # flow models are spaced so already
        "Heun": Recipe("FlowMatchHeunDiscreteScheduler", {}),
        "DPM++ 2M": Recipe(_M, {}),
        "DPM++ 2M Beta": Recipe(_M, {}, place="beta"),
        "UniPC": Recipe("UniPCMultistepScheduler", {}),
    }
)
"""For flow matching. Karras sigmas give NaN there; DEIS and SA-Solver leave noise over."""


def check(name: str, noise: Noise, *, partly: bool = False) -> None:
    """Raise InputError, saying what to take instead, where a sampler does not suit how a model was taught.

    ``partly`` is for a picture that is only changed by some strength.
    """
    if noise == "flow" and name not in (OWN_SAMPLER, *FLOW):
        near = next((known for known in FLOW if name.startswith(f"{known} ")), "Euler")
        raise InputError(
            f"'{name}' does not work for a flow-matching model; take '{near}', or one of {', '.join(FLOW)}"
        )
    if noise == "flow" and partly and name == "Heun":  # FLUX.1's pipelines count its double steps in the strength
        raise InputError("'Heun' mistakes the strength for a flow-matching model; take 'DPM++ 2M'")


def build(
    name: str, own: "SchedulerMixin", noise: Noise = "diffusion", aligned: tuple[float, ...] = ()
) -> "SchedulerMixin":
    """A fresh scheduler called ``name`` on the noise schedule of the model's ``own``.

    ``aligned`` are the levels that suit such a model best, where they are known.
    Raises InputError, saying what to take instead, where the two would end in NaN or in noise.
    """
    check(name, noise)
    if _trig(own) and name != OWN_SAMPLER:
        raise InputError(f'this model draws with its own sampler only; take "{OWN_SAMPLER}"')
    if (noise == "flow") != _is_flow(own):
        raise InputError(f"this model's scheduler, {type(own).__name__}, does not fit its family, which is of {noise}")
    if name == OWN_SAMPLER:
        return _own_again(own)
    if noise == "flow":
        from studio.engine.flow import sampler

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
    import diffusers

    if name == "PNDMScheduler":
        return plms()
    if name == "LMS":
        return lms()
    return type(own) if name == type(own).__name__ else getattr(diffusers, name)


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
    pipeline: "DiffusionPipeline", name: str, noise: Noise, steps: int, aligned: tuple[float, ...] = ()
) -> Iterator[None]:
    """While inside, the pipeline uses a fresh sampler called ``name``; after, its own again."""
    fresh = build(name, pipeline.scheduler, noise, aligned)
    check_steps(fresh, steps)
    own, pipeline.scheduler = pipeline.scheduler, fresh
    try:
        yield
    finally:
        pipeline.scheduler = own
