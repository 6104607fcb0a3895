"""A picture of an exact size."""

from dataclasses import replace
from typing import Annotated

from PIL import Image
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.diffusion.images import fitting, resized
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import FinalSize, Prompt, Toggle
from studio.steps import generate, upscale

Crisp = Annotated[
    Toggle, Field(title="Sharpen edges", description="Redraws the enlarged picture tile by tile. Slower.")
]


def run(
    engine: Engine, prompt: Prompt, size: FinalSize, crisp: Crisp = True, sampling: Sampling = AUTOMATIC
) -> Image.Image:
    """The picture, drawn in that shape at the model's scale, then enlarged and cropped to the pixel."""
    card = engine.card(sampling.model)
    drawn = fitting(Image.new("L", size), card.size, card.family.capabilities.size_multiple)
    parts = 2 if crisp else 1
    first, then = engine.part(0, parts), engine.part(parts - 1, parts)
    large = resized(generate.run(first, prompt, drawn, sampling), size)
    if not crisp:
        return large
    return upscale.refined(
        then, large, "", strength=upscale.GENTLE, sampling=replace(sampling, negative_prompt="", steps=None)
    )
