"""A guide: LoRAs, what was learned of a style or a subject apart from the model."""

from studio.diffusion.engine import Engine
from studio.parameters.conditioning import NOTHING, Guide
from studio.parameters.types import GuideBefore, Loras
from studio.prompts.lora import Lora


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    loras: Loras = (),
    guide: GuideBefore = NOTHING,
) -> Guide:
    """The guide with these LoRAs besides; they add up, and hold for the whole picture."""
    return guide + Guide(loras=tuple(map(Lora.parse, loras)))
