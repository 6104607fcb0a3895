"""The component that each tensor of a single weight file belongs to, by the prefix of its key.

Sources: the configurations of CompVis and Stability AI (``first_stage_model``, ``cond_stage_model``,
``conditioner.embedders``), and ComfyUI's (``comfy/sd.py``, ``comfy/supported_models.py``: ``vae``, ``text_encoders``).
"""

import re
from collections.abc import Iterable
from typing import Final

from studio.families.base.detection import without_prefix

PARTS: Final = {
    "VAE": ("first_stage_model.", "vae."),
    "text encoder": ("cond_stage_model.", "conditioner.embedders.", "text_encoders."),
}
"""The components of a whole model besides the denoiser, with the prefixes of their keys."""

SCALES: Final = (".scale_weight", ".weight_scale")
"""The suffix of a scale in place of ".weight", for fp8 weights: ComfyUI's old and present one."""

_DENOISER: Final = "model.diffusion_model."
_ENCODER: Final = re.compile(
    r"((?:cond_stage_model|conditioner\.embedders\.\d)\.(?:transformer|model)|text_encoders\.\w+\.transformer)\."
)
_NOT_WEIGHTS: Final = re.compile(
    r".*\.(?:scale_weight|weight_scale|scale_input|input_scale|comfy_quant)|(?:.*\.)?scaled_fp8|v_pred|ztsnr|"
    r"model_ema\..*|betas|alphas_cumprod.*|sqrt_.*|log_one_minus_.*|posterior_.*|logvar|lvlb_weights|global_step"
)
"""Keys of tensors that are not weights: scales, markers, the EMA of the training, and its noise schedule."""


def denoiser(names: Iterable[str]) -> dict[str, str]:
    """The denoiser's tensors: key in the file → name in the denoiser.

    They are those with its prefix, or if there are none, as in files of a denoiser alone and in some of 2022, all that
    do not belong to another component.
    """
    every = list(names)
    others = tuple(begin for begins in PARTS.values() for begin in begins)
    own = [name for name in every if name.startswith(_DENOISER)] or [
        name for name in every if not name.startswith(others)
    ]
    return {name: without_prefix(name) for name in own if not _NOT_WEIGHTS.fullmatch(without_prefix(name))}


def vae(names: Iterable[str]) -> dict[str, str]:
    """The VAE's tensors: key in the file → name in the VAE; empty if the file has no VAE."""
    found = {}
    for name in names:
        begin = next((begin for begin in PARTS["VAE"] if name.startswith(begin)), "")
        if begin and not _NOT_WEIGHTS.fullmatch(name):
            found[name] = name.removeprefix(begin)
    return found


def text_encoders(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The text encoders' tensors by prefix: key in the file → name in the encoder."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        if (begin := _ENCODER.match(name)) and not _NOT_WEIGHTS.fullmatch(name):
            found.setdefault(begin[1], {})[name] = name[begin.end() :]
    return found


def part(names: Iterable[str]) -> dict[str, str]:
    """The tensors of a file that is a VAE or a text encoder alone: key in the file → name in the component."""
    every = list(names)
    begun = vae(every) or next(iter(text_encoders(every).values()), {})
    return begun or {name: name for name in every if not _NOT_WEIGHTS.fullmatch(name)}
