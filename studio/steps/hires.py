"""Hires fix: a large picture in two passes, composed at the model's own size, then redrawn at a larger one."""

from typing import Annotated, Final

from PIL.Image import Image
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.parameters.request import check_strength
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import Kind, PictureSize, Prompt, Size, Strength
from studio.steps import edit, generate

STRENGTH: Final = 0.4

Larger = Annotated[
    float,
    Field(ge=1.25, le=2, title="Enlarge", description="How many times as wide and as high the second pass is."),
    Kind("slider"),
]
Redrawn = Annotated[Strength, Field(description="How much the second pass may change; low values keep the first.")]


def run(
    engine: Engine,
    prompt: Prompt,
    factor: Larger = 2.0,
    strength: Redrawn = STRENGTH,
    size: PictureSize | None = None,
    sampling: Sampling = AUTOMATIC,
) -> Image:
    """The picture; unlike tiles, the second pass sees all of it at once."""
    first, then = engine.part(0, 2), engine.part(1, 2)
    made = generate.run(first, prompt, size, sampling)
    multiple = engine.card(sampling.model).family.capabilities.size_multiple
    large = Size(*(round(side * factor / multiple) * multiple for side in made.size))
    return edit.run(then, made, prompt, strength=strength, size=large, sampling=sampling)


def check(strength: float = STRENGTH, steps: int | None = None) -> None:
    """Raise InputError where the strength leaves no step to run."""
    if steps:
        check_strength(strength, steps)
