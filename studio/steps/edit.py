"""Image to image: a picture changed by a prompt."""

from dataclasses import replace

from PIL.Image import Image

from studio.diffusion.engine import Engine
from studio.diffusion.images import fitting, opened, resized
from studio.images.transparency import on_ground, with_alpha
from studio.parameters.request import check_strength
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import Picture, PictureSize, Prompt, Strength


def run(
    engine: Engine,
    image: Picture,
    prompt: Prompt,
    strength: Strength = 0.7,
    size: PictureSize | None = None,
    sampling: Sampling = AUTOMATIC,
) -> Image:
    """The changed picture; without a size, in the picture's shape at the model's scale.

    A transparent picture is drawn on white, and stays as transparent as it was.
    """
    card, original = engine.card(sampling.model), opened(image)
    size = size or fitting(original, card.size, card.family.capabilities.size_multiple)
    plain = card.request(prompt, sampling, size)
    request = replace(plain, strength=strength, image=resized(on_ground(original), size))
    return with_alpha(engine.denoise(card, request), original)


def check(strength: float = 0.7, steps: int | None = None) -> None:
    """Raise InputError where the strength leaves no step to run."""
    if steps:
        check_strength(strength, steps)
