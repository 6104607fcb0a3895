"""Pictures that go into a step, and masks; and the size at which a model can take them."""

from math import sqrt
from pathlib import Path

from PIL import Image, ImageOps

from studio.images.image_file import open_image
from studio.images.transparency import mask_levels, on_ground
from studio.parameters.types import Size


def opened(picture: str | Path | Image.Image) -> Image.Image:
    """The picture behind an input: a file's, or one that an earlier step made. RGB, or RGBA, which no model takes."""
    return open_image(picture) if isinstance(picture, str | Path) else picture


def opaque(picture: str | Path | Image.Image) -> Image.Image:
    """The picture behind an input, RGB; where it is transparent, white shows through."""
    return on_ground(opened(picture))


def gray_mask(mask: str | Path | Image.Image) -> Image.Image:
    """The mask behind an input, gray; what is transparent in it is black."""
    return mask_levels(opened(mask))


def fitting(image: Image.Image, native: Size, multiple: int) -> Size:
    """The size with the picture's shape and about the area the model was trained at."""
    scale = sqrt(native.width * native.height / (image.width * image.height))
    sides = (max(64, round(side * scale / multiple) * multiple) for side in image.size)
    return Size(*sides)


def resized(image: Image.Image, size: Size) -> Image.Image:
    """The picture scaled to cover ``size``, with what sticks out cut off evenly."""
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
