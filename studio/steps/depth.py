"""A depth map of a picture: near is white, far is black."""

from PIL import Image

from studio.diffusion.conditioning import preprocessors
from studio.diffusion.engine import Engine
from studio.diffusion.images import opaque
from studio.parameters.types import DepthRef, Picture


def run(engine: Engine, image: Picture, depth: DepthRef) -> Image.Image:
    """The depth map, of the picture's size."""
    return engine.preprocess(preprocessors.depth, engine.library.adapters.find(depth, "depth"), opaque(image))
