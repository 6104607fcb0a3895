"""A picture changed by an instruction."""

from dataclasses import replace
from typing import Annotated

from PIL.Image import Image
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.diffusion.images import fitting, opaque, resized
from studio.parameters.sampling import ModelSampling
from studio.parameters.types import Kind, Picture, PictureSize, Prompt

Instruction = Annotated[
    Prompt, Field(title="Instruction", description="What to change, for example: make it a night with snow.")
]
Likeness = Annotated[
    float,
    Field(ge=1, le=5, title="Likeness", description="How strictly the picture is kept, where the model knows it."),
    Kind("slider"),
]


def run(
    engine: Engine,
    image: Picture,
    prompt: Instruction,
    sampling: ModelSampling,
    likeness: Likeness = 1.5,
    size: PictureSize | None = None,
) -> Image:
    """The changed picture, by a model that was trained to follow instructions.

    It may change any part of the picture, so the result is opaque; a transparent picture is shown to it on white.
    """
    card, original = engine.card(sampling.model), opaque(image)
    size = size or fitting(original, card.size, card.family.capabilities.size_multiple)
    plain = card.request(prompt, sampling, size)
    request = replace(plain, image=resized(original, size), instruction=True, likeness=likeness)
    return engine.denoise(card, request)
