"""Text to image: a picture from a prompt."""

from PIL.Image import Image

from studio.diffusion.engine import Engine
from studio.diffusion.images import fitting
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import PictureSize, Prompt, Size


def run(engine: Engine, prompt: Prompt, size: PictureSize | None = None, sampling: Sampling = AUTOMATIC) -> Image:
    """The picture; without a size, at the model's own and in the shape of the guide's control image."""
    card = engine.card(sampling.model)
    return engine.denoise(card, requested(card, prompt, size, sampling))


def requested(card: ModelCard, prompt: str, size: Size | None, sampling: Sampling) -> Request:
    """The request of ``run``."""
    outline = sampling.guide.picture
    if outline and not size:
        size = fitting(outline, card.size, card.family.capabilities.size_multiple)
    return card.request(prompt, sampling, size)
