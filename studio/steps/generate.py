"""A picture from words."""

from PIL.Image import Image

from studio.engine.engine import Engine
from studio.engine.images import fitting
from studio.families import Request
from studio.guide import NOTHING
from studio.kinds import (
    OWN_SAMPLER,
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


def run(
    engine: Engine,
    prompt: Prompt,
    negative_prompt: NegativePrompt = "",
    size: PictureSize | None = None,
    steps: Steps = 20,
    guidance: Guidance = 2.0,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
) -> list[Image]:
    """One picture for each of the engine's seeds; without a size, at the model's own and in a guide's shape."""
    card = library.find(model)
    shape = fitting(guide.picture, card.size, card.family.multiple) if guide.picture else card.size
    request = Request(prompt, negative_prompt, steps, guidance, *(size or shape), sampler=sampler, guide=guide)
    return engine.denoise(card, request)
