"""The keys of the text that A1111 and Forge write into a picture, and which of them belong to our inputs.

Text written for our pictures, text read from others', and requests to the API all use this list. Keys after
``create_infotext`` in A1111's ``modules/processing.py``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PROMPT: Final = "Prompt"  # the text has no key for it
NEGATIVE_PROMPT: Final = "Negative prompt"
STEPS: Final = "Steps"
SAMPLER: Final = "Sampler"
SCHEDULE_TYPE: Final = "Schedule type"
CFG_SCALE: Final = "CFG scale"
DISTILLED_CFG_SCALE: Final = "Distilled CFG Scale"
SEED: Final = "Seed"
SIZE: Final = "Size"
MODEL: Final = "Model"
MODEL_HASH: Final = "Model hash"
CLIP_SKIP: Final = "Clip skip"
DENOISING_STRENGTH: Final = "Denoising strength"
RNG: Final = "RNG"
TILING: Final = "Tiling"
VERSION: Final = "Version"
LORA_HASHES: Final = "Lora hashes"
HASHES: Final = "Hashes"

ETA: Final = "Eta"
ETA_DDIM: Final = "Eta DDIM"
ETA_OF: Final[Mapping[str, str]] = MappingProxyType({"DDIM": ETA_DDIM, "TCD": ETA})
"""The key of ``eta``, by sampler; all other samplers add a fixed amount of noise here."""

HIRES_UPSCALE: Final = "Hires upscale"
HIRES_RESIZE: Final = "Hires resize"
HIRES_UPSCALER: Final = "Hires upscaler"
HIRES_STEPS: Final = "Hires steps"
HIRES_SAMPLER: Final = "Hires sampler"
HIRES_CFG_SCALE: Final = "Hires CFG Scale"
FIRST_PASS_SIZE: Final = "First pass size"  # noqa: S105 not a password
"""Before there was "Hires upscale"; "Size" was then that of the second pass."""

INPUTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE_PROMPT,
        "steps": STEPS,
        "seed": SEED,
        "size": SIZE,
        "sampler": SAMPLER,
        "eta": ETA,
        "guidance": CFG_SCALE,
        "clip_skip": CLIP_SKIP,
        "strength": DENOISING_STRENGTH,
        "factor": HIRES_UPSCALE,
    }
)
"""The key of each input of ours that the text has."""
