"""How far away what a picture shows is: near is white, far is black."""

from PIL import Image

from studio.engine import seeing
from studio.engine.engine import Engine
from studio.engine.images import opaque
from studio.kinds import DepthRef, Picture
from studio.models import parts


def run(engine: Engine, image: Picture, depth: DepthRef) -> Image.Image:
    """The depth of the picture, of its size, from the nearest to the farthest in it."""
    return engine.see(seeing.depth, parts.find(depth, "depth"), opaque(image))
