"""The pictures and masks that go into a step, and the size at which a model can draw them."""

from math import sqrt
from pathlib import Path

from PIL import Image, ImageOps

from studio.images.image_file import open_image
from studio.images.transparency import mask_levels, on_ground
from studio.parameters.types import Size


def opened(picture: str | Path | Image.Image) -> Image.Image:
    """The picture of an input, from a file or an earlier step: RGB, or RGBA, which no model takes."""
    return open_image(picture) if isinstance(picture, str | Path) else picture


def opaque(picture: str | Path | Image.Image) -> Image.Image:
    """The picture of an input, RGB; transparent parts become white."""
    return on_ground(opened(picture))


def gray_mask(mask: str | Path | Image.Image) -> Image.Image:
    """The mask of an input, gray; transparent parts become black."""
    return mask_levels(opened(mask))


def fitting(image: Image.Image, native: Size, multiple: int) -> Size:
    """A size in the picture's shape, with about the area that the model was trained at."""
    scale = sqrt(native.width * native.height / (image.width * image.height))
    sides = (max(64, round(side * scale / multiple) * multiple) for side in image.size)
    return Size(*sides)


def resized(image: Image.Image, size: Size) -> Image.Image:
    """The picture scaled to cover ``size``, its overlapping edges cropped evenly."""
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
