"""How far away what a picture shows is: near is white, far is black."""

from PIL import Image

from studio.engine import seeing
from studio.engine.engine import Engine
from studio.engine.images import opaque
from studio.kinds import DepthRef, Picture
from studio.models import parts


def run(engine: Engine, image: Picture, depth: DepthRef) -> list[Image.Image]:
    """The depth of each picture, of its size, from the nearest to the farthest in it."""
    part = parts.find(depth, "depth")
    return [engine.see(seeing.depth, part, picture) for picture in opaque(image)]
