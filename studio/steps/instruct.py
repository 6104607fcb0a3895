"""A picture changed as an instruction says."""

from typing import Annotated

from PIL.Image import Image
from pydantic import Field

from studio.engine.engine import Engine
from studio.engine.images import fitting, opaque, resized
from studio.guide import NOTHING
from studio.kinds import (
    OWN_SAMPLER,
    ClipSkip,
    Guidance,
    GuideBefore,
    Kind,
    ModelRef,
    NegativePrompt,
    Picture,
    PictureSize,
    Prompt,
    Sampler,
    Steps,
)
from studio.models import library
from studio.request import Request

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
    model: ModelRef,
    likeness: Likeness = 1.5,
    negative_prompt: NegativePrompt = "",
    size: PictureSize | None = None,
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image]:
    """One changed picture for each seed, by a model that was trained to follow instructions.

    It may draw beyond what was there, so the whole is drawn anew and opaque; it sees a transparent picture on white.
    """
    card = library.find(model)
    originals = opaque(image)
    target = size or fitting(originals[0], card.size, card.family.multiple)
    images = tuple(resized(original, target) for original in originals)
    request = Request(
        prompt,
        negative_prompt,
        *card.suited(steps, guidance),
        *target,
        sampler=sampler,
        images=images,
        instruction=True,
        likeness=likeness,
        clip_skip=clip_skip,
        guide=guide,
    )
    return engine.denoise(card, request)
