"""A guide: lines, depth or poses that the picture follows."""

from typing import Annotated

from pydantic import Field

from studio.engine.engine import Engine
from studio.engine.images import opened
from studio.errors import InputError
from studio.guide import NOTHING, Control, Guide
from studio.kinds import ControlNetRef, GuideBefore, Kind, Picture, Weight
from studio.models import parts

Followed = Annotated[
    Picture, Field(title="Outline", description="Lines, depth or a pose, as the ControlNet was trained with.")
]
_Share = Annotated[float, Field(ge=0, le=1), Kind("slider")]
Begin = Annotated[_Share, Field(title="From", description="At what share of the steps it begins to count.")]
End = Annotated[_Share, Field(title="Until", description="After what share of the steps the picture is free.")]


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    image: Followed,
    controlnet: ControlNetRef,
    weight: Weight = 1.0,
    start: Begin = 0.0,
    end: End = 1.0,
    guide: GuideBefore = NOTHING,
) -> Guide:
    """The guide with one more ControlNet or T2I-Adapter; several count together."""
    check(start, end)
    adapter = parts.find(controlnet, "controlnet").adapter
    control = Control(controlnet, tuple(opened(image)), weight, start, end, adapter)
    return guide + Guide(controls=(control,))


def check(start: float = 0.0, end: float = 1.0) -> None:
    """Raise InputError where it would end before it begins."""
    if start >= end:
        raise InputError(f"'end' ({end:g}) must lie after 'start' ({start:g})")
