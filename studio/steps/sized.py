"""A picture of exactly the size that is wanted."""

from typing import Annotated

from PIL import Image
from pydantic import Field

from studio.engine.engine import Engine
from studio.engine.images import fitting, resized
from studio.guide import NOTHING
from studio.kinds import (
    OWN_SAMPLER,
    ClipSkip,
    FinalSize,
    Guidance,
    GuideBefore,
    ModelRef,
    NegativePrompt,
    Prompt,
    Sampler,
    Steps,
    Toggle,
)
from studio.models import library
from studio.steps import generate, upscale

Crisp = Annotated[
    Toggle, Field(title="Sharpen edges", description="Redraws the enlarged picture tile by tile. Slower.")
]


def run(
    engine: Engine,
    prompt: Prompt,
    size: FinalSize,
    crisp: Crisp = True,
    negative_prompt: NegativePrompt = "",
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image.Image]:
    """One picture for each seed, drawn in that shape at the model's scale, then enlarged and cut to the pixel."""
    card = library.find(model)
    drawn = fitting(Image.new("L", size), card.size, card.family.multiple)
    parts = 2 if crisp else 1
    first, then = engine.part(0, parts), engine.part(parts - 1, parts)
    made = generate.run(first, prompt, negative_prompt, drawn, steps, guidance, sampler, model, guide, clip_skip)
    large = [resized(picture, size) for picture in made]
    if not crisp:
        return large
    return upscale.refined(then, large, "", upscale.GENTLE, None, guidance, sampler, model, guide, clip_skip)
