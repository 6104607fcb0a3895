"""A guide: an area of the picture with a prompt of its own."""

from typing import Annotated, Final, Literal

from PIL import Image, ImageFilter
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.diffusion.images import gray_mask
from studio.parameters.conditioning import NO_GUIDE, Guide, Region
from studio.parameters.types import GuideInput, Kind, Loras, Mask, Prompt
from studio.prompts.lora import Lora

Area = Annotated[
    Literal["left", "right", "top", "bottom", "middle", "all"],
    Field(title="Area", description="Which part of the picture it is about."),
    Kind("choice"),
]
Here = Annotated[Prompt, Field(title="Prompt here", description="What this part of the picture shows.")]
LorasHere = Annotated[Loras, Field(title="LoRAs here", description="Those of this part alone, each as NAME:WEIGHT.")]
Painted = Annotated[Mask, Field(title="Painted area", description="White where it is, in place of a named area.")]

_SIDE: Final = 512
_SOFT: Final = 16  # pixels of that side
_BOXES: Final = {
    "left": (0, 0, 1 / 2, 1),
    "right": (1 / 2, 0, 1, 1),
    "top": (0, 0, 1, 1 / 2),
    "bottom": (0, 1 / 2, 1, 1),
    "middle": (1 / 4, 1 / 4, 3 / 4, 3 / 4),
    "all": (0, 0, 1, 1),
}


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    prompt: Here,
    area: Area = "left",
    mask: Painted | None = None,
    guide: GuideInput = NO_GUIDE,
    loras: LorasHere = (),
) -> Guide:
    """The guide with one more area, which covers earlier ones where they overlap."""
    where = gray_mask(mask) if mask is not None else _mask(area)
    return guide + Guide(regions=(Region(prompt, where, tuple(map(Lora.parse, loras))),))


def _mask(area: str) -> Image.Image:
    """White in the area, with a soft edge; it is scaled to the picture when it is used."""
    mask = Image.new("L", (_SIDE, _SIDE))
    left, top, right, bottom = (round(side * _SIDE) for side in _BOXES[area])
    mask.paste(255, (left, top, right, bottom))
    return mask if area == "all" else mask.filter(ImageFilter.GaussianBlur(_SOFT))
