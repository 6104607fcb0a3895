"""A part of a picture, repainted."""

from dataclasses import replace

from PIL.Image import Image

from studio.diffusion.engine import Engine
from studio.diffusion.images import opened
from studio.diffusion.inpainting import mask_for, repainted
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

    The model sees the mask with ``padding`` around it, drawn at the size ``drawn_at``; left open, what suits it.
    Where it is transparent it stays so, and what is repainted is opaque.
    """
    card, original = engine.card(sampling.model), opened(image)
    request = replace(card.request(prompt, sampling), strength=strength)
    white = mask_for(original, mask)
    return repainted(engine, card, request, image=original, mask=white, padding=padding, native=drawn_at)


def check(
    image: Image | None = None, mask: Image | None = None, strength: float = 1.0, steps: int | None = None
) -> None:
    """Raise InputError where the mask does not suit the picture, or no step is left to run.

    Pictures that an earlier step makes are left out, and looked at when they are there.
    """
    if steps:
        check_strength(strength, steps)
    if image and mask:
        mask_for(image, mask)
