"""Pictures of any shape, cut as little as can be: each is trained at the size of about one area that fits it best.

The sizes are NovelAI's aspect ratio buckets: every width and height that a model can draw, of at most ``area``.
"""

from math import log
from typing import TYPE_CHECKING, Final

from studio.parameters.types import Size

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST: Final = 3  # times the short side


def sizes(trained: Size, multiple: int) -> tuple[Size, ...]:
    """The sizes to train at, for a model trained at a size and whose sides are multiples of a number.

    Widths go in steps of an eighth of the model's own side.
    """
    area, side = trained.width * trained.height, round((trained.width * trained.height) ** 0.5)
    step = max(multiple, side // 8 // multiple * multiple)
    widths = range(step, 2 * side + 1, step)
    found = [Size(width, area // width // step * step) for width in widths if area // width >= step]
    return tuple(size for size in found if max(size) <= _LONGEST * min(size))


def fitting(picture: tuple[int, int], among: tuple[Size, ...]) -> Size:
    """The size whose shape is nearest to a picture's; of equally near ones the largest."""
    shape = log(picture[0] / picture[1])
    return min(among, key=lambda size: (round(abs(log(size.width / size.height) - shape), 6), -size.width))


def cut(image: "Image", size: Size) -> "Image":
    """The picture at a size: shrunk or enlarged until it covers it, and what hangs over on both sides cut off."""
    from PIL import Image, ImageOps

    return ImageOps.fit(image, (size.width, size.height), Image.Resampling.LANCZOS)
