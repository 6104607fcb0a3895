"""A picture from words that one model begins and another, its refiner, finishes."""

from dataclasses import replace
from typing import Annotated

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
from studio.request import Request

Refiner = Annotated[ModelRef, Field(title="Refiner", description="A model that shares the other's latents.")]
HandOver = Annotated[
    float,
    Field(ge=0.1, le=0.95, title="Hand over", description="At what share of the noise the refiner goes on."),
    Kind("slider"),
]


def run(
    engine: Engine,
    prompt: Prompt,
    model: ModelRef,
    refiner: Refiner,
    at: HandOver = 0.8,
    negative_prompt: NegativePrompt = "",
    size: PictureSize | None = None,
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image]:
    """One picture for each seed; the guide counts until the refiner goes on."""
    first, second = library.find(model), library.find(refiner)
    suited, drawn = first.suited(steps, guidance), size or first.size
    whole = Request(prompt, negative_prompt, *suited, *drawn, sampler=sampler, clip_skip=clip_skip)
    begun = engine.part(0, 2).denoise(first, replace(whole, guide=guide, until=at))
    return engine.part(1, 2).denoise(second, replace(whole, images=tuple(begun), since=at))
