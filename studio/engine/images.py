"""Pictures that go into a model: upright, opaque, and of a size it can take."""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from studio.imagefile import open_image
from studio.kinds import Size


def opened(picture: str | Path | Sequence[Any]) -> list[Image.Image]:
    """The pictures behind an input: a file's, or those an earlier step made. All RGB, upright."""
    if not isinstance(picture, str | Path):
        return list(picture)
    return [_opaque(ImageOps.exif_transpose(open_image(picture)))]


def _opaque(image: Image.Image) -> Image.Image:
    """RGB; where the picture is transparent, white shows through."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def fitting(image: Image.Image, native: Size, multiple: int) -> Size:
    """The size with the picture's shape and about the area the model was trained at."""
    scale = sqrt(native.width * native.height / (image.width * image.height))
    sides = (max(64, round(side * scale / multiple) * multiple) for side in image.size)
    return Size(*sides)


def resized(image: Image.Image, size: Size) -> Image.Image:
    """The picture scaled to cover ``size``, with what sticks out cut off evenly."""
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
