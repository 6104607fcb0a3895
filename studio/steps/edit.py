"""A picture changed by words."""

from PIL.Image import Image

from studio.engine.engine import Engine
from studio.engine.images import fitting, opened, resized
from studio.guide import NOTHING
from studio.kinds import (
    OWN_SAMPLER,
    ClipSkip,
    Guidance,
    GuideBefore,
    ModelRef,
    NegativePrompt,
    Picture,
    PictureSize,
    Prompt,
    Sampler,
    Steps,
    Strength,
)
from studio.models import library
from studio.request import Request, check_strength
from studio.transparency import on_ground, with_alpha


def run(
    engine: Engine,
    image: Picture,
    prompt: Prompt,
    strength: Strength = 0.7,
    negative_prompt: NegativePrompt = "",
    size: PictureSize | None = None,
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image]:
    """One changed picture for each seed; without a size, in the picture's shape at the model's scale.

    A transparent picture is drawn on white, and as transparent as it was.
    """
    card = library.find(model)
    originals = opened(image)
    target = size or fitting(originals[0], card.size, card.family.multiple)
    images = tuple(resized(on_ground(original), target) for original in originals)
    request = Request(
        prompt,
        negative_prompt,
        *card.suited(steps, guidance),
        *target,
        strength,
        sampler,
        images,
        clip_skip=clip_skip,
        guide=guide,
    )
    return with_alpha(engine.denoise(card, request), originals)


def check(strength: float = 0.7, steps: int | None = None) -> None:
    """Raise InputError where the strength leaves no step to run."""
    if steps:
        check_strength(strength, steps)
