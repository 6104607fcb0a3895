"""A guide: another VAE in place of the model's own."""

from studio.diffusion.engine import Engine
from studio.parameters.conditioning import NOTHING, Guide
from studio.parameters.types import GuideBefore, VaeRef


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    vae: VaeRef,
    guide: GuideBefore = NOTHING,
) -> Guide:
    """The guide with a VAE that reads and draws the pictures; colours and fine details may differ."""
    return guide + Guide(vae=vae)
