"""How the person in a picture stands: a skeleton on black."""

from PIL import Image

from studio.engine import seeing
from studio.engine.engine import Engine
from studio.engine.images import opaque
from studio.kinds import Picture, PoseRef
from studio.models import parts


def run(engine: Engine, image: Picture, pose: PoseRef) -> Image.Image:
    """The pose of one person, who had better fill most of the picture; in OpenPose's colours."""
    return engine.see(seeing.pose, parts.find(pose, "pose"), opaque(image))
