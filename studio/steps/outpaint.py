"""Outpainting: a picture is extended beyond its edges."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import numpy as np
from PIL import Image
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.diffusion.images import opened
from studio.diffusion.inpainting import inpaint
from studio.errors import InputError
from studio.parameters.request import check_strength
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import Kind, Picture, Prompt, Steps, Strength

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
    sampling: Sampling = AUTOMATIC,
) -> Image.Image:
    """The larger picture; the old one in it stays exactly as it was.

    The sides are drawn one after another, so that each is close enough to the old picture to follow it.
    """
    check(left, right, above, below)
    card, picture = engine.card(sampling.model), opened(image)
    request = replace(card.request(prompt, sampling), strength=strength)
    sides = list(_one_by_one((left, above, right, below)))
    for n, side in enumerate(sides):
        part = engine.part(n, len(sides))
        picture = inpaint(part, card, request, image=_grown(picture, side), mask=_mask(picture, side))
    return picture


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
    """The picture with its outermost pixels repeated outwards."""
    left, above, right, below = sides
    return Image.fromarray(np.pad(np.asarray(picture), ((above, below), (left, right), (0, 0)), mode="edge"))


def _mask(picture: Image.Image, sides: Sides) -> Image.Image:
    """White in the new area."""
    left, above, right, below = sides
    mask = Image.new("L", (left + picture.width + right, above + picture.height + below), "white")
    mask.paste(0, (left, above, left + picture.width, above + picture.height))
    return mask
