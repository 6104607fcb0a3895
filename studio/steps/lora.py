"""A guide: LoRAs."""

from studio.diffusion.engine import Engine
from studio.parameters.conditioning import NO_GUIDE, Guide
from studio.parameters.types import GuideInput, Loras
from studio.prompts.lora import Lora


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    loras: Loras = (),
    guide: GuideInput = NO_GUIDE,
) -> Guide:
    """The guide with these LoRAs added; they add up, and apply to the whole picture."""
    return guide + Guide(loras=tuple(map(Lora.parse, loras)))
