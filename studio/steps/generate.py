"""A picture from words."""

from PIL.Image import Image

from studio.engine.engine import Engine
from studio.engine.images import fitting
from studio.kinds import PictureSize, Prompt
from studio.models import library
from studio.sampling import AUTOMATIC, Sampling


def run(engine: Engine, prompt: Prompt, size: PictureSize | None = None, sampling: Sampling = AUTOMATIC) -> Image:
    """The picture; without a size, at the model's own and in a guide's shape."""
    card, outline = library.find(sampling.model), sampling.guide.picture
    if outline and not size:
        size = fitting(outline, card.size, card.family.multiple)
    return engine.denoise(card, card.request(prompt, sampling, size))
