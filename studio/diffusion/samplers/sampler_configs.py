"""Which diffusers scheduler, with which flags, each sampler is; every flag that is not the model's stands here."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal


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
