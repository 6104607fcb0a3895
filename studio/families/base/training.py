"""What training a LoRA needs to know about a family."""

from dataclasses import dataclass
from typing import Literal

LatentLayout = Literal["spatial", "packed", "frames"]
TimestepConvention = Literal["timestep", "sigma", "one_minus_sigma"]


@dataclass(frozen=True)
class LoraTraining:
    """How a LoRA for a family is trained.

    ``attention_modules`` and ``other_modules`` are regular expressions for the denoiser's modules, by diffusers' names:
    its attention layers, and the others that are worth adapting.

    ``latent_layout`` is how the denoiser takes noisy latents: "spatial" (batch, channels, height, width), "packed" into
    tokens of two by two, or as a list of single "frames". ``timestep_convention`` is how it is given the noise level:
    as a "timestep" of 0 to 1000, as "sigma" (0 to 1), or as "one_minus_sigma", whose models also predict the direction
    from noise to picture, while the others predict that from picture to noise. ``neutral_guidance`` is the guidance
    that has no effect.

    ``modelspec_architecture`` is what ModelSpec calls the base, ``kohya_base_version`` what kohya's
    ``ss_base_model_version`` does. ``kohya_keys`` says that the file is written with kohya's names, which not every
    program reads for transformers.
    """

    modelspec_architecture: str
    kohya_base_version: str
    attention_modules: str
    other_modules: str
    latent_layout: LatentLayout = "spatial"
    timestep_convention: TimestepConvention = "timestep"
    neutral_guidance: float = 1.0
    kohya_keys: bool = False
