"""A guide: a ControlNet or T2I-Adapter, with lines, depth or poses that the picture follows."""

from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import Field

from studio.diffusion.engine import Engine
from studio.diffusion.images import opaque
from studio.errors import InputError
from studio.library import Library
from studio.parameters.conditioning import NO_GUIDE, ControlImage, Guide
from studio.parameters.types import ControlNetRef, GuideInput, Kind, Picture, Weight

Followed = Annotated[
    Picture, Field(title="Outline", description="Lines, depth or a pose, as the ControlNet was trained with.")
]
AS_TRAINED: Final[Literal["as trained"]] = "as trained"
Shown = Annotated[
    Literal["as trained", "edges", "scribble", "depth", "pose", "normals", "segments", "tile", "repaint", "blur",
            "gray", "low quality"],
    Field(title="It shows", description="What the picture is; only a ControlNet for several kinds (union) asks."),
    Kind("choice"),
]  # fmt: skip
_Share = Annotated[float, Field(ge=0, le=1), Kind("slider")]
Begin = Annotated[_Share, Field(title="From", description="At what share of the steps it starts counting.")]
End = Annotated[_Share, Field(title="Until", description="At what share of the steps it stops counting.")]


def run(
    engine: Engine,
    image: Followed,
    controlnet: ControlNetRef | None = None,
    weight: Weight = 1.0,
    start: Begin = 0.0,
    end: End = 1.0,
    guide: GuideInput = NO_GUIDE,
    shows: Shown = AS_TRAINED,
) -> Guide:
    """The guide with one more ControlNet or T2I-Adapter; several act together.

    Without one, for a model that follows pictures by itself.
    """
    check(engine.library, controlnet, shows, start, end)
    control = ControlImage(controlnet or "", opaque(image), weight, start, end)
    if controlnet:
        part = engine.library.adapters.find(controlnet, "controlnet")
        control = replace(control, adapter=part.adapter, mode=part.mode(shows))
    return guide + Guide(controls=(control,))


def check(
    library: Library, controlnet: str | None = None, shows: str = AS_TRAINED, start: float = 0.0, end: float = 1.0
) -> None:
    """Raise InputError where it ends before it begins, or a union ControlNet needs the kind of its picture."""
    if start >= end:
        raise InputError(f"'end' ({end:g}) must lie after 'start' ({start:g})")
    if controlnet:
        library.adapters.find(controlnet, "controlnet").mode(shows)
