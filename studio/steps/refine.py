"""Text to image with two models: one begins the picture, and another, its refiner, finishes it."""

from dataclasses import replace
from typing import Annotated

from PIL.Image import Image
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.parameters.conditioning import NO_GUIDE
from studio.parameters.sampling import ModelSampling
from studio.parameters.types import Kind, ModelRef, PictureSize, Prompt

Refiner = Annotated[ModelRef, Field(title="Refiner", description="A model that shares the other's latents.")]
HandOver = Annotated[
    float,
    Field(ge=0.1, le=0.95, title="Hand over", description="At what share of the noise the refiner goes on."),
    Kind("slider"),
]


def run(
    engine: Engine,
    prompt: Prompt,
    sampling: ModelSampling,
    refiner: Refiner,
    at: HandOver = 0.8,
    size: PictureSize | None = None,
) -> Image:
    """The picture; the guide applies until the refiner takes over."""
    first, second = engine.card(sampling.model), engine.card(refiner)
    whole = first.request(prompt, sampling, size)
    begun = engine.part(0, 2).denoise(first, replace(whole, denoising_end=at))
    return engine.part(1, 2).denoise(second, replace(whole, guide=NO_GUIDE, image=begun, denoising_start=at))
