"""Pictures that go into a step, and masks; and the size at which a model can take them."""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from studio.imagefile import open_image
from studio.kinds import Size
from studio.transparency import mask_levels, on_ground


def opened(picture: str | Path | Sequence[Any]) -> list[Image.Image]:
    """The pictures behind an input: a file's, or those an earlier step made. RGB, or RGBA, which no model takes."""
    if isinstance(picture, str | Path):
        return [open_image(picture)]
    return list(picture)


def opaque(picture: str | Path | Sequence[Any]) -> list[Image.Image]:
    """The pictures behind an input, RGB; where one is transparent, white shows through."""
    return [on_ground(one) for one in opened(picture)]


def gray_masks(mask: str | Path | Sequence[Any]) -> list[Image.Image]:
    """The masks behind an input, gray; what is transparent in one is black."""
    return [mask_levels(one) for one in opened(mask)]


def fitting(image: Image.Image, native: Size, multiple: int) -> Size:
    """The size with the picture's shape and about the area the model was trained at."""
    scale = sqrt(native.width * native.height / (image.width * image.height))
    sides = (max(64, round(side * scale / multiple) * multiple) for side in image.size)
    return Size(*sides)


def resized(image: Image.Image, size: Size) -> Image.Image:
    """The picture scaled to cover ``size``, with what sticks out cut off evenly."""
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
