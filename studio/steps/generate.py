"""A picture from words."""

from PIL.Image import Image

from studio.engine.engine import Engine
from studio.families import Request
from studio.kinds import OWN_SAMPLER, ClipSkip, Guidance, ModelRef, NegativePrompt, PictureSize, Prompt, Sampler, Steps
from studio.models import library


def run(
    engine: Engine,
    prompt: Prompt,
    negative_prompt: NegativePrompt = "",
    size: PictureSize | None = None,
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    clip_skip: ClipSkip = 1,
) -> list[Image]:
    """One picture for each of the engine's seeds; without a size, at the model's own."""
    card = library.find(model)
    suited = card.suited(steps, guidance)
    request = Request(prompt, negative_prompt, *suited, *(size or card.size), sampler=sampler, clip_skip=clip_skip)
    return engine.denoise(card, request)
