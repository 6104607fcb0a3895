"""A picture again, a little or a lot different."""

from types import MappingProxyType
from typing import Annotated, Final, Literal

from PIL.Image import Image
from pydantic import Field

from studio.engine.engine import Engine
from studio.guide import NOTHING
from studio.kinds import (
    OWN_SAMPLER,
    ClipSkip,
    Guidance,
    GuideBefore,
    Kind,
    ModelRef,
    NegativePrompt,
    Picture,
    Prompt,
    Sampler,
    Steps,
)
from studio.steps import edit

Amount = Annotated[
    Literal["subtle", "strong"],
    Field(title="Amount", description="Subtle keeps what is where; strong keeps colours and composition."),
    Kind("choice"),
]
STRENGTH: Final = MappingProxyType({"subtle": 0.4, "strong": 0.75})


def run(
    engine: Engine,
    image: Picture,
    prompt: Prompt,
    amount: Amount = "subtle",
    negative_prompt: NegativePrompt = "",
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    sampler: Sampler = OWN_SAMPLER,
    model: ModelRef = "spark",
    guide: GuideBefore = NOTHING,
    clip_skip: ClipSkip = 1,
) -> list[Image]:
    """One variation for each seed, in the picture's shape at the model's scale."""
    return edit.run(
        engine, image, prompt, STRENGTH[amount], negative_prompt, None, steps, guidance, sampler, model, guide,
        clip_skip,
    )  # fmt: skip
