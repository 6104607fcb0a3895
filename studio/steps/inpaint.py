"""Inpainting: a part of a picture is repainted."""

from dataclasses import replace

from PIL.Image import Image

from studio.diffusion.engine import Engine
from studio.diffusion.images import opened
from studio.diffusion.inpainting import checked_mask, inpaint
from studio.parameters.request import check_strength
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import Mask, Padding, Picture, PictureSize, Prompt, Strength


def run(
    engine: Engine,
    image: Picture,
    mask: Mask,
    prompt: Prompt,
    strength: Strength = 1.0,
    padding: Padding | None = None,
    drawn_at: PictureSize | None = None,
    sampling: Sampling = AUTOMATIC,
) -> Image:
    """The picture in its own size, changed only where the mask is white.

    The model sees the mask with ``padding`` around it, drawn at the size ``drawn_at``; None leaves both to the model.
    Transparent parts stay transparent, and what is repainted is opaque.
    """
    card, original = engine.card(sampling.model), opened(image)
    request = replace(card.request(prompt, sampling), strength=strength)
    white = checked_mask(original, mask)
    return inpaint(engine, card, request, image=original, mask=white, padding=padding, native=drawn_at)


def check(
    image: Image | None = None, mask: Image | None = None, strength: float = 1.0, steps: int | None = None
) -> None:
    """Raise InputError where the mask does not fit the picture, or the strength leaves no step to run.

    Pictures that an earlier step makes are checked once they exist.
    """
    if steps:
        check_strength(strength, steps)
    if image and mask:
        checked_mask(image, mask)
