"""A picture of exactly the size that is wanted."""

from PIL import Image

from studio.engine.engine import Engine
from studio.engine.images import fitting, resized
from studio.kinds import OWN_SAMPLER, FinalSize, Guidance, ModelRef, NegativePrompt, Prompt, Sampler, Steps
from studio.models import library
from studio.steps import generate


def run(
    engine: Engine,
    prompt: Prompt,
    size: FinalSize,
    negative_prompt: NegativePrompt = "",
    steps: Steps = 20,
    guidance: Guidance = 2.0,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
) -> list[Image.Image]:
    """One picture for each seed, drawn in that shape at the model's scale, then enlarged and cut to the pixel."""
    card = library.find(model)
    drawn = fitting(Image.new("L", size), card.size, card.family.multiple)
    made = generate.run(engine, prompt, negative_prompt, drawn, steps, guidance, sampler, model)
    return [resized(picture, size) for picture in made]
