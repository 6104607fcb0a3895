"""Names of samplers: the studio's, and those of A1111 and ComfyUI.

DPM++ 2M Karras      the studio's, and A1111's before its version 1.9
DPM++ 2M + Karras    A1111's since, as sampler and schedule type
dpmpp_2m/karras      ComfyUI's sampler_name and scheduler
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

SamplerName = Literal[
    "model's own",
    "Euler",
    "Euler Karras",
    "Euler Exponential",
    "Euler Beta",
    "Euler AYS",
    "Euler SGM Uniform",
    "Euler a",
    "Heun",
    "Heun Karras",
    "Heun Beta",
    "LMS",
    "LMS Karras",
    "DPM2",
    "DPM2 Karras",
    "DPM2 a",
    "DPM2 a Karras",
    "DPM++ 2M",
    "DPM++ 2M Karras",
    "DPM++ 2M Exponential",
    "DPM++ 2M Beta",
    "DPM++ 2M AYS",
    "DPM++ 2M SGM Uniform",
    "DPM++ 2M SDE",
    "DPM++ 2M SDE Karras",
    "DPM++ 2M SDE Exponential",
    "DPM++ 2M SDE Beta",
    "DPM++ 2M SDE AYS",
    "DPM++ 2M SDE SGM Uniform",
    "DPM++ SDE",
    "DPM++ SDE Karras",
    "DPM++ SDE Exponential",
    "DPM++ SDE Beta",
    "DPM++ SDE AYS",
    "UniPC",
    "UniPC Karras",
    "UniPC Beta",
    "UniPC SGM Uniform",
    "DDIM",
    "DDPM",
    "PLMS",
    "DEIS",
    "SA-Solver",
    "LCM",
    "TCD",
]
NAMES: Final[tuple[str, ...]] = get_args(SamplerName)


def _key(text: str) -> str:
    """A name without the characters that people write differently."""
    return re.sub(r"[\s_/\-]+", "", re.sub(r"^k_|_gpu\b", "", text.lower()).replace("++", "pp"))


_OURS: Final = MappingProxyType({_key(name): name for name in NAMES})
_THEIRS: Final = MappingProxyType(
    {"eulerancestral": "eulera", "dpm2ancestral": "dpm2a", "unipcbh2": "unipc", "pndm": "plms"}
)
_SCHEDULES: Final = MappingProxyType(
    {"karras": "karras", "exponential": "exponential", "beta": "beta", "sgmuniform": "sgmuniform",
     "simple": "sgmuniform", "ays": "ays", "alignyoursteps": "ays", "ddimuniform": "", "normal": "", "uniform": "",
     "automatic": "automatic"}
)  # fmt: skip
# What "Automatic" is in A1111, where it is not the plain one: the options in its sd_samplers_kdiffusion.py.
_AUTOMATIC: Final = MappingProxyType(
    {
        "lms": "karras",
        "dpm2": "karras",
        "dpm2a": "karras",
        "dpmpp2m": "karras",
        "dpmppsde": "karras",
        "dpmpp2msde": "exponential",
    }
)
_LABELS: Final = MappingProxyType(
    {"karras": "Karras", "exponential": "Exponential", "beta": "Beta", "ays": "Align Your Steps",
     "sgmuniform": "SGM Uniform"}
)  # fmt: skip
SCHEDULES: Final[Mapping[str, str]] = MappingProxyType(
    {"automatic": "Automatic", "uniform": "Uniform", "karras": "Karras", "exponential": "Exponential", "beta": "Beta",
     "sgm_uniform": "SGM Uniform", "simple": "Simple", "normal": "Normal", "ddim_uniform": "DDIM",
     "align_your_steps": "Align Your Steps"}
)  # fmt: skip
"""A1111's names for the schedules that ``canonical`` reads, and its labels for them."""

# Names that people know and that are not here, with the nearest that is.
_INSTEAD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "heunpp2": "Heun",
        "ipndm": "PLMS",
        "restart": "Euler a",
        "eulercfgpp": "Euler",
        "eulerancestralcfgpp": "Euler a",
        "ddimcfgpp": "DDIM",
        "dpmfast": "DPM++ 2M",
        "dpmadaptive": "DPM++ 2M",
        "dpmpp2sa": "DPM++ SDE",
        "dpmpp2sancestral": "DPM++ SDE",
        "dpmpp2msdeheun": "DPM++ 2M SDE",
        "dpmpp3msde": "DPM++ 2M SDE",  # wrong in diffusers 0.42: half of D2 too much, so noise remains
        "resmultistep": "DPM++ 2M",
        "unipcbh1": "UniPC",  # NaN in diffusers where the last sigma is 0
    }
)
_NO_SCHEDULE: Final = "polyexponential|kloptimal|linearquadratic|turbo"

_COMFYUI: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Euler": "euler",
        "Euler a": "euler_ancestral",
        "Heun": "heun",
        "LMS": "lms",
        "DPM2": "dpm_2",
        "DPM2 a": "dpm_2_ancestral",
        "DPM++ 2M": "dpmpp_2m",
        "DPM++ 2M SDE": "dpmpp_2m_sde",
        "DPM++ SDE": "dpmpp_sde",
        "UniPC": "uni_pc_bh2",
        "DDIM": "ddim",
        "DDPM": "ddpm",
        "DEIS": "deis",
        "SA-Solver": "sa_solver",
        "LCM": "lcm",
    }
)
_COMFYUI_SCHEDULES: Final[Mapping[str, str]] = MappingProxyType(
    {"": "normal", "Karras": "karras", "Exponential": "exponential", "Beta": "beta", "SGM Uniform": "sgm_uniform"}
)


def comfyui(name: str) -> tuple[str, str] | None:
    """ComfyUI's sampler_name and scheduler for one of our names; None where it has no such sampler."""
    for theirs, schedule in ((_COMFYUI.get(name.removesuffix(end).strip()), end) for end in _COMFYUI_SCHEDULES):
        if theirs and name.endswith(schedule):
            return theirs, "ddim_uniform" if name == "DDIM" else _COMFYUI_SCHEDULES[schedule]
    return None


def canonical(text: str, schedule: str = "") -> str:
    """Our name for a sampler in any spelling, with its schedule in the name or separate.

    Raises ValueError that suggests another where it is not available.
    """
    whole = f"{text} {schedule}".strip()
    base, timing = _parted(_key(whole))
    base = _THEIRS.get(base, base)
    if timing == "automatic":
        timing = _AUTOMATIC.get(base, "")
    if name := _OURS.get(base + timing):
        return name
    raise ValueError(f"there is no sampler '{whole}' here; {_hint(base, timing, whole)}")


def without_schedule(text: str, schedule: str) -> str | None:
    """Our name for a sampler that is available, but not with this schedule; None otherwise."""
    base, timing = _parted(_key(text))
    base = _THEIRS.get(base, base)
    if (schedule or timing) and base in _OURS:
        return _OURS[base]
    return None


def in_two(name: str) -> tuple[str, str]:
    """One of our names as A1111 writes it, sampler and schedule type; the schedule is empty where it is A1111's
    default.
    """
    base, timing = _parted(_key(name))
    usual = "Uniform" if base in _AUTOMATIC else ""
    return (_OURS[base], _LABELS.get(timing, "")) if timing else (name, usual)


def _parted(key: str) -> tuple[str, str]:
    """The sampler and the schedule of a key. The longest ending counts: "uniform" is also the end of "sgmuniform"."""
    for ending in sorted(_SCHEDULES, key=len, reverse=True):
        if key.endswith(ending) and key != ending:
            return key.removesuffix(ending), _SCHEDULES[ending]
    return key, ""


def _hint(base: str, timing: str, whole: str) -> str:
    bare = re.sub(f"({_NO_SCHEDULE})$", "", base)
    instead = _INSTEAD.get(bare) or _OURS.get(_THEIRS.get(bare, bare) if timing or bare != base else "")
    if instead:
        return f"take '{instead}'"
    near = get_close_matches(whole, NAMES, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(NAMES)}"


def read(value: Any) -> Any:
    """For a validator: text becomes our name; anything else stays."""
    return canonical(value) if isinstance(value, str) else value
