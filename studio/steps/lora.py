"""A guide: LoRAs, what was learned of a style or a subject apart from the model."""

from studio.engine.engine import Engine
from studio.guide import NOTHING, Guide
from studio.kinds import GuideBefore, Loras
from studio.lora import Lora


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    loras: Loras = (),
    guide: GuideBefore = NOTHING,
) -> Guide:
    """The guide with these LoRAs besides; they add up, and hold for the whole picture."""
    return guide + Guide(loras=tuple(map(Lora.parse, loras)))
