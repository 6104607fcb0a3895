"""A picture that can be laid side by side without a seam."""

from typing import Annotated, Literal

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
    Steps,
)
from studio.models import library
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
    negative_prompt: NegativePrompt = "",
    size: PictureSize | None = None,
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image]:
    """One tile for each seed; without a size, at the model's own."""
    card = library.find(model)
    with engine.seamless(card, across=joins != "top and bottom", down=joins != "left and right"):
        return generate.run(engine, prompt, negative_prompt, size, steps, guidance, sampler, model, guide, clip_skip)
