"""A guide: a reference picture that the result resembles, through an IP-Adapter."""

from typing import Annotated

from pydantic import Field

from studio.diffusion.engine import Engine
from studio.diffusion.images import opaque
from studio.parameters.conditioning import NO_GUIDE, Guide, ReferenceImage
from studio.parameters.types import GuideInput, Picture, ReferenceRef, Weight

Resembled = Annotated[Picture, Field(title="Reference", description="The picture that the result should resemble.")]


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    image: Resembled,
    adapter: ReferenceRef,
    weight: Weight = 0.6,
    guide: GuideInput = NO_GUIDE,
) -> Guide:
    """The guide with one more reference picture; several act together."""
    return guide + Guide(references=(ReferenceImage(adapter, opaque(image), weight),))
