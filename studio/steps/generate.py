"""Text to image: a picture from a prompt."""

from PIL.Image import Image

from studio.diffusion.engine import Engine
from studio.diffusion.images import fitting
from studio.models import library
from studio.parameters.request import Request
from studio.parameters.sampling import AUTOMATIC, Sampling
from studio.parameters.types import PictureSize, Prompt, Size


def run(engine: Engine, prompt: Prompt, size: PictureSize | None = None, sampling: Sampling = AUTOMATIC) -> Image:
    """The picture; without a size, at the model's own and in the shape of the guide's control image."""
    return engine.denoise(library.find(sampling.model), requested(prompt, size, sampling))


def requested(prompt: str, size: Size | None, sampling: Sampling) -> Request:
    """The request of ``run``."""
    card, outline = library.find(sampling.model), sampling.guide.picture
    if outline and not size:
        size = fitting(outline, card.size, card.family.capabilities.size_multiple)
    return card.request(prompt, sampling, size)
