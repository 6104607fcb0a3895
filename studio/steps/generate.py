"""A picture from words."""

from PIL.Image import Image

from studio.engine.engine import Engine
from studio.engine.images import fitting
from studio.guide import NOTHING
from studio.kinds import (
    OWN_SAMPLER,
    ClipSkip,
    Guidance,
    GuideBefore,
    ModelRef,
    NegativePrompt,
    PictureSize,
    Prompt,
    Sampler,
    Steps,
)
from studio.models import library
from studio.request import Request


def run(
    engine: Engine,
    prompt: Prompt,
    negative_prompt: NegativePrompt = "",
    size: PictureSize | None = None,
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image]:
    """One picture for each of the engine's seeds; without a size, at the model's own and in a guide's shape."""
    card = library.find(model)
    suited = card.suited(steps, guidance)
    shape = fitting(guide.picture, card.size, card.family.multiple) if guide.picture else card.size
    request = Request(
        prompt, negative_prompt, *suited, *(size or shape), sampler=sampler, clip_skip=clip_skip, guide=guide
    )
    return engine.denoise(card, request)
