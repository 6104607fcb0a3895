"""A picture that goes on beyond its edges."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from PIL import Image
from pydantic import Field

from studio.engine.engine import Engine
from studio.engine.images import opened
from studio.engine.inpainting import redrawn
from studio.errors import InputError
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
    Prompt,
    Sampler,
    Steps,
    Strength,
)
from studio.models import library
from studio.request import Request, check_strength

_Added = Annotated[int, Field(ge=0, le=1024, multiple_of=8), Kind("slider", "px")]
Left = Annotated[_Added, Field(title="Left", description="Pixels to add on the left, in steps of 8.")]
Right = Annotated[_Added, Field(title="Right", description="Pixels to add on the right, in steps of 8.")]
Above = Annotated[_Added, Field(title="Above", description="Pixels to add at the top, in steps of 8.")]
Below = Annotated[_Added, Field(title="Below", description="Pixels to add at the bottom, in steps of 8.")]

Freedom = Annotated[Strength, Field(description="How freely the new part is drawn; low values continue the edges.")]
Sides = tuple[int, int, int, int]  # left, above, right, below


def run(
    engine: Engine,
    image: Picture,
    prompt: Prompt,
    left: Left = 0,
    right: Right = 0,
    above: Above = 0,
    below: Below = 0,
    strength: Freedom = 0.5,
    negative_prompt: NegativePrompt = "",
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image.Image]:
    """One larger picture for each seed; the old one stands in it exactly as it was.

    The sides are drawn one after another, so that each is near enough to the old picture to follow it.
    """
    card = library.find(model)
    request = Request(
        prompt,
        negative_prompt,
        *card.suited(steps, guidance),
        *card.size,
        strength,
        sampler,
        clip_skip=clip_skip,
        guide=guide,
    )
    check(left, right, above, below)
    pictures, sides = opened(image), list(_one_by_one((left, above, right, below)))
    for n, side in enumerate(sides):
        masks = [_mask(picture, side) for picture in pictures]
        grown = [_grown(picture, side) for picture in pictures]
        pictures = redrawn(engine.part(n, len(sides)), card, request, grown, masks)
    return pictures


def check(
    left: Left = 0,
    right: Right = 0,
    above: Above = 0,
    below: Below = 0,
    strength: Freedom = 0.5,
    steps: Steps | None = None,
) -> None:
    """Raise InputError where nothing would be added, or the strength leaves no step to run."""
    if steps:
        check_strength(strength, steps)
    if not any((left, right, above, below)):
        raise InputError("nothing to add; give left, right, above or below a number of pixels")


def _one_by_one(sides: Sides) -> Iterator[Sides]:
    for n, pixels in enumerate(sides):
        if pixels:
            yield tuple(pixels if n == m else 0 for m in range(4))  # type: ignore[misc]


def _grown(picture: Image.Image, sides: Sides) -> Image.Image:
    """The picture with its outermost pixels drawn out."""
    left, above, right, below = sides
    return Image.fromarray(np.pad(np.asarray(picture), ((above, below), (left, right), (0, 0)), mode="edge"))


def _mask(picture: Image.Image, sides: Sides) -> Image.Image:
    """White where there is no picture yet."""
    left, above, right, below = sides
    mask = Image.new("L", (left + picture.width + right, above + picture.height + below), "white")
    mask.paste(0, (left, above, left + picture.width, above + picture.height))
    return mask
