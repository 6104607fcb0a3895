"""The pose of the person in a picture: a skeleton on black."""

from PIL import Image

from studio.diffusion.conditioning import preprocessors
from studio.diffusion.engine import Engine
from studio.diffusion.images import opaque
from studio.parameters.types import Picture, PoseRef


def run(engine: Engine, image: Picture, pose: PoseRef) -> Image.Image:
    """The pose of one person, who should fill most of the picture; in OpenPose's colours."""
    return engine.preprocess(preprocessors.pose, engine.library.adapters.find(pose, "pose"), opaque(image))
