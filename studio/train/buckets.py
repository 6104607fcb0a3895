"""Aspect ratio buckets: each picture is trained at the size of about one area that crops it least.

The sizes are NovelAI's buckets: every width and height that a model can draw, of at most ``area``.
"""

from math import log
from typing import TYPE_CHECKING, Final

from studio.parameters.types import Size

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST: Final = 3  # times the short side


def sizes(trained: Size, multiple: int) -> tuple[Size, ...]:
    """The sizes to train at, for a model that was trained at a size and whose sides are multiples of a number.

    Widths are multiples of an eighth of the model's own side.
    """
    area, side = trained.width * trained.height, round((trained.width * trained.height) ** 0.5)
    step = max(multiple, side // 8 // multiple * multiple)
    widths = range(step, 2 * side + 1, step)
    found = [Size(width, area // width // step * step) for width in widths if area // width >= step]
    return tuple(size for size in found if max(size) <= _LONGEST * min(size))


def best_size(picture: tuple[int, int], among: tuple[Size, ...]) -> Size:
    """The size whose aspect ratio is nearest to a picture's; the largest of equally near ones."""
    ratio = log(picture[0] / picture[1])
    return min(among, key=lambda size: (round(abs(log(size.width / size.height) - ratio), 6), -size.width))


def crop(image: "Image", size: Size) -> "Image":
    """The picture scaled until it covers a size, and cropped on both sides to it."""
    from PIL import Image, ImageOps

    return ImageOps.fit(image, (size.width, size.height), Image.Resampling.LANCZOS)
