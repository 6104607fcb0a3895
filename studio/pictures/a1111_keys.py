"""The keys of the text that A1111 and Forge write into a picture, and the inputs of ours that they belong to.

The writer of our pictures' text, the reader of other tools' text and the API's request fields share this list. Keys
after ``create_infotext`` in A1111's ``modules/processing.py``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PROMPT: Final = "Prompt"  # the text begins with it, without a key
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
"""The key of ``eta``, by sampler. All other samplers here add a fixed amount of noise."""

HIRES_UPSCALE: Final = "Hires upscale"
HIRES_RESIZE: Final = "Hires resize"
HIRES_UPSCALER: Final = "Hires upscaler"
HIRES_STEPS: Final = "Hires steps"
HIRES_SAMPLER: Final = "Hires sampler"
HIRES_CFG_SCALE: Final = "Hires CFG Scale"
FIRST_PASS_SIZE: Final = "First pass size"  # noqa: S105 not a password
"""From versions before "Hires upscale", where "Size" was the size of the second pass."""

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
"""The keys of our inputs, for those that the text has."""
