"""A part of a picture drawn anew."""

from PIL.Image import Image

from studio.engine.engine import Engine
from studio.engine.images import opened
from studio.engine.inpainting import masks_for, redrawn
from studio.guide import NOTHING
from studio.kinds import (
    OWN_SAMPLER,
    ClipSkip,
    Guidance,
    GuideBefore,
    Mask,
    ModelRef,
    NegativePrompt,
    Padding,
    Picture,
    PictureSize,
    Prompt,
    Sampler,
    Steps,
    Strength,
)
from studio.models import library
from studio.request import Request, check_strength


def run(
    engine: Engine,
    image: Picture,
    mask: Mask,
    prompt: Prompt,
    strength: Strength = 1.0,
    negative_prompt: NegativePrompt = "",
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
    padding: Padding | None = None,
    drawn_at: PictureSize | None = None,
) -> list[Image]:
    """One picture for each seed, of the size of the given one and changed only where the mask is white.

    The model sees the mask with ``padding`` around it, drawn at the size ``drawn_at``; left open, what suits it.
    Where a picture is transparent it stays so, and what is drawn anew is opaque.
    """
    card = library.find(model)
    originals = opened(image)
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
    return redrawn(engine, card, request, originals, masks_for(originals, mask), padding, drawn_at)


def check(image: str | None = None, mask: str | None = None, strength: float = 1.0, steps: int | None = None) -> None:
    """Raise InputError where the mask does not suit the picture, or no step is left to run.

    Pictures that an earlier step makes come as "$name", and are looked at when they are there.
    """
    if steps:
        check_strength(strength, steps)
    if image and mask and "$" not in (image[0], mask[0]):
        masks_for(opened(image), mask)
