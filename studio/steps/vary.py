"""A variation of a picture, subtle or strong."""

from types import MappingProxyType
from typing import Annotated, Final, Literal

from PIL.Image import Image
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import Kind, Picture, Prompt
from studio.steps import edit

Amount = Annotated[
    Literal["subtle", "strong"],
    Field(title="Amount", description="Subtle keeps what is where; strong keeps colours and composition."),
    Kind("choice"),
]
STRENGTH: Final = MappingProxyType({"subtle": 0.4, "strong": 0.75})


def run(
    engine: Engine, image: Picture, prompt: Prompt, amount: Amount = "subtle", sampling: Sampling = AUTOMATIC
) -> Image:
    """The variation, in the picture's shape at the model's scale."""
    return edit.run(engine, image, prompt, strength=STRENGTH[amount], sampling=sampling)
