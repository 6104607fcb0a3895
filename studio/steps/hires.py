"""A large picture in two passes: composed at the model's own size, then drawn over at a larger one."""

from typing import Annotated, Final

from PIL.Image import Image
from pydantic import Field

from studio.engine.engine import Engine
from studio.guide import NOTHING
from studio.kinds import (
    OWN_SAMPLER,
    ClipSkip,
    Guidance,
    GuideBefore,
    Kind,
    ModelRef,
    NegativePrompt,
    PictureSize,
    Prompt,
    Sampler,
    Size,
    Steps,
    Strength,
)
from studio.models import library
from studio.request import check_strength
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
    negative_prompt: NegativePrompt = "",
    size: PictureSize | None = None,
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image]:
    """One picture for each seed; unlike tiles, the second pass sees the whole picture at once."""
    first, then = engine.part(0, 2), engine.part(1, 2)
    made = generate.run(first, prompt, negative_prompt, size, steps, guidance, sampler, model, guide, clip_skip)
    multiple = library.find(model).family.multiple
    large = Size(*(round(side * factor / multiple) * multiple for side in made[0].size))
    return edit.run(
        then, made, prompt, strength, negative_prompt, large, steps, guidance, sampler, model, guide, clip_skip
    )


def check(strength: float = STRENGTH, steps: int | None = None) -> None:
    """Raise InputError where the strength leaves no step to run."""
    if steps:
        check_strength(strength, steps)
