"""The diffusers scheduler and flags of each sampler; every flag that does not belong to the model is set here."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal


@dataclass(frozen=True)
class SamplerConfig:
    """A diffusers scheduler and its flags.

    ``spacing`` is the timestep spacing unless the model wants "trailing": "linspace" is what k-diffusion does,
    "leading" what DDIM and PLMS expect. With ``full_range`` the schedule must reach both ends exactly, which overrules
    the model's spacing. ``schedule`` is the one of ``schedules`` that replaces Karras sigmas.
    """

    scheduler: str
    flags: Mapping[str, Any]
    spacing: Literal["linspace", "leading", "trailing"] = "linspace"
    full_range: bool = False
    schedule: Literal["", "beta", "ays"] = ""


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


def _full_range(scheduler: str, flags: Mapping[str, Any]) -> SamplerConfig:
    """With a schedule from the highest sigma to the lowest, whatever the model's spacing."""
    return SamplerConfig(scheduler, flags, full_range=True)


def _beta(scheduler: str, flags: Mapping[str, Any]) -> SamplerConfig:
    return SamplerConfig(scheduler, {**flags, **_KARRAS}, full_range=True, schedule="beta")


def _ays(scheduler: str, flags: Mapping[str, Any]) -> SamplerConfig:
    return SamplerConfig(scheduler, {**flags, **_KARRAS}, full_range=True, schedule="ays")


_M, _S = "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"
DIFFUSION: Final[Mapping[str, SamplerConfig]] = MappingProxyType(
    {
        "Euler": SamplerConfig("EulerDiscreteScheduler", _EULER | _PLAIN),
        "Euler Karras": _full_range("EulerDiscreteScheduler", _EULER | _KARRAS),
        "Euler Exponential": _full_range("EulerDiscreteScheduler", _EULER | _EXPONENTIAL),
        "Euler Beta": _beta("EulerDiscreteScheduler", _EULER),
        "Euler AYS": _ays("EulerDiscreteScheduler", _EULER),
        "Euler SGM Uniform": SamplerConfig("EulerDiscreteScheduler", _EULER | _PLAIN, "trailing"),
        "Euler a": SamplerConfig("EulerAncestralDiscreteScheduler", {}),
        "Heun": SamplerConfig("HeunDiscreteScheduler", _PLAIN | {"clip_sample": False}),
        "Heun Karras": _full_range("HeunDiscreteScheduler", _KARRAS | {"clip_sample": False}),
        "Heun Beta": _beta("HeunDiscreteScheduler", {"clip_sample": False}),
        "LMS": SamplerConfig("LMS", _EULER | _PLAIN),
        "LMS Karras": _full_range("LMS", _EULER | _KARRAS),
        "DPM2": SamplerConfig("KDPM2DiscreteScheduler", _PLAIN),
        "DPM2 Karras": _full_range("KDPM2DiscreteScheduler", _KARRAS),
        "DPM2 a": SamplerConfig("KDPM2AncestralDiscreteScheduler", _PLAIN),
        "DPM2 a Karras": _full_range("KDPM2AncestralDiscreteScheduler", _KARRAS),
        "DPM++ 2M": SamplerConfig(_M, _2M | _PLAIN),
        "DPM++ 2M Karras": _full_range(_M, _2M | _KARRAS),
        "DPM++ 2M Exponential": _full_range(_M, _2M | _EXPONENTIAL),
        "DPM++ 2M Beta": _beta(_M, _2M),
        "DPM++ 2M AYS": _ays(_M, _2M),
        "DPM++ 2M SGM Uniform": SamplerConfig(_M, _2M | _PLAIN, "trailing"),
        "DPM++ 2M SDE": SamplerConfig(_M, _2M_SDE | _PLAIN),
        "DPM++ 2M SDE Karras": _full_range(_M, _2M_SDE | _KARRAS),
        "DPM++ 2M SDE Exponential": _full_range(_M, _2M_SDE | _EXPONENTIAL),
        "DPM++ 2M SDE Beta": _beta(_M, _2M_SDE),
        "DPM++ 2M SDE AYS": _ays(_M, _2M_SDE),
        "DPM++ 2M SDE SGM Uniform": SamplerConfig(_M, _2M_SDE | _PLAIN, "trailing"),
        "DPM++ SDE": SamplerConfig(_S, _SDE | _PLAIN),
        "DPM++ SDE Karras": _full_range(_S, _SDE | _KARRAS),
        "DPM++ SDE Exponential": _full_range(_S, _SDE | _EXPONENTIAL),
        "DPM++ SDE Beta": _beta(_S, _SDE),
        "DPM++ SDE AYS": _ays(_S, _SDE),
        "UniPC": SamplerConfig("UniPCMultistepScheduler", _UNIPC | _PLAIN),
        "UniPC Karras": _full_range("UniPCMultistepScheduler", _UNIPC | _KARRAS),
        "UniPC Beta": _beta("UniPCMultistepScheduler", _UNIPC),
        "UniPC SGM Uniform": SamplerConfig("UniPCMultistepScheduler", _UNIPC | _PLAIN, "trailing"),
        "DDIM": SamplerConfig("DDIMScheduler", _DDIM, "leading"),
        "DDPM": SamplerConfig(
            "DDPMScheduler", {"clip_sample": False, "thresholding": False, "variance_type": "fixed_small"}
        ),
        "PLMS": SamplerConfig("PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": True}, "leading"),
        "DEIS": SamplerConfig("DEISMultistepScheduler", _DEIS | _PLAIN),
        "SA-Solver": SamplerConfig("SASolverScheduler", _SA | _PLAIN),
        "LCM": SamplerConfig("LCMScheduler", _DDIM | {"original_inference_steps": 50}),
        "TCD": SamplerConfig("TCDScheduler", _DDIM | {"original_inference_steps": 50}),
    }
)
"""For diffusion. "DPM++ SDE" calls the model once a step where k-diffusion's does twice, so it needs twice the steps.

DEIS on Karras sigmas or Beta does not end at zero, and DPM++ 3M SDE leaves noise (diffusers 0.42.1).
"""

_F: Final = "FlowMatchEulerDiscreteScheduler"
FLOW: Final[Mapping[str, SamplerConfig]] = MappingProxyType(
    {
        "Euler": SamplerConfig(_F, {}),
        "Euler Beta": SamplerConfig(_F, {}, schedule="beta"),
        "Euler SGM Uniform": SamplerConfig(_F, {}),  # flow models have this spacing already
        "Heun": SamplerConfig("FlowMatchHeunDiscreteScheduler", {}),
        "DPM++ 2M": SamplerConfig(_M, {}),
        "DPM++ 2M Beta": SamplerConfig(_M, {}, schedule="beta"),
        "UniPC": SamplerConfig("UniPCMultistepScheduler", {}),
    }
)
"""For flow matching. Karras sigmas give NaN there; DEIS and SA-Solver leave noise."""
