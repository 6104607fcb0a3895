"""The lines of a picture, white on black, as ControlNets for edges and scribbles expect them."""

from typing import Annotated, Literal

from PIL import Image
from pydantic import Field

from studio.diffusion.conditioning import edges
from studio.diffusion.engine import Engine
from studio.diffusion.images import opaque
from studio.parameters.types import Kind, Picture

Lines = Annotated[
    Literal["edges", "scribble", "drawing", "as it is"],
    Field(
        title="Lines",
        description="A picture's thin edges, or its main ones as strokes; or your own drawing, dark on light.",
    ),
    Kind("choice"),
]
Seen = Annotated[Picture, Field(description="The picture whose lines are taken.")]


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    image: Seen,
    lines: Lines = "edges",
) -> Image.Image:
    """The lines, of the picture's size."""
    find = {"edges": edges.canny, "scribble": edges.scribble, "drawing": edges.inverted}
    picture = opaque(image)
    return find[lines](picture) if lines in find else picture
