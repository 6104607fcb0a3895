"""How the person in a picture stands: a skeleton on black."""

from PIL import Image

from studio.engine import seeing
from studio.engine.engine import Engine
from studio.engine.images import opaque
from studio.kinds import Picture, PoseRef
from studio.models import parts


def run(engine: Engine, image: Picture, pose: PoseRef) -> list[Image.Image]:
    """The pose of one person, who had better fill most of the picture, in each; in OpenPose's colours."""
    part = parts.find(pose, "pose")
    return [engine.see(seeing.pose, part, picture) for picture in opaque(image)]
