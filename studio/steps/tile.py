"""A picture that tiles without a seam."""

from dataclasses import replace
from typing import Annotated, Literal

from PIL.Image import Image
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import Kind, PictureSize, Prompt
from studio.steps import generate

Joined = Annotated[
    Literal["all sides", "left and right", "top and bottom"],
    Field(title="Repeat", description="In which directions the tile repeats."),
    Kind("choice"),
]


def run(
    engine: Engine,
    prompt: Prompt,
    joins: Joined = "all sides",
    size: PictureSize | None = None,
    sampling: Sampling = AUTOMATIC,
) -> Image:
    """The tile; without a size, at the model's own."""
    card = engine.card(sampling.model)
    plain = generate.requested(card, prompt, size, sampling)
    request = replace(plain, across=joins != "top and bottom", down=joins != "left and right")
    return engine.denoise(card, request)
