"""A guide: a picture that the result resembles."""

from typing import Annotated

from pydantic import Field

from studio.diffusion.engine import Engine
from studio.diffusion.images import opaque
from studio.parameters.conditioning import NOTHING, Guide, Reference
from studio.parameters.types import GuideBefore, Picture, ReferenceRef, Weight

Resembled = Annotated[Picture, Field(title="Reference", description="The picture that the result should resemble.")]


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    image: Resembled,
    adapter: ReferenceRef,
    weight: Weight = 0.6,
    guide: GuideBefore = NOTHING,
) -> Guide:
    """The guide with one more reference picture; several count together."""
    return guide + Guide(references=(Reference(adapter, opaque(image), weight),))
