"""Icons: their positions on the lattice, their sizes, and the four styles they are painted in."""

from random import Random
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageChops, ImageFilter

from studio.tools.spark.canvas import CELL, Canvas, place
from studio.tools.spark.labels import Truth
from studio.tools.spark.palette import RGB
from studio.tools.spark.patterns import bands
from studio.tools.spark.shapes import SHAPES, Point

_RADII: Final = MappingProxyType({"tiny": 4 * CELL, "small": 6 * CELL, "medium": 10 * CELL, "large": 14 * CELL})
_STRIPES: Final = 5 * CELL * 0.5**0.5  # the period of diagonal stripes that repeat every five cells
_SHADE: Final = 0.2  # how much darker the ground is in the shadow


def paint_icons(canvas: Canvas, truth: Truth, colour: RGB, background: RGB, rng: Random) -> None:
    """Paint the icons of ``truth``; ``rng`` decides how several are arranged."""
    radius = icon_radius(truth)
    for shape, centre in zip(_shapes(truth), _centres(canvas, truth, rng), strict=True):
        mask = canvas.mask(place(SHAPES[shape](), centre, radius))
        if truth.style == "outlined":
            mask = canvas.outline(mask, max(1.25 * CELL, 0.12 * radius))
        elif truth.style == "striped":
            middle = (centre[0] + centre[1]) * 0.5**0.5 / _STRIPES
            mask = ImageChops.multiply(mask, canvas.mask(bands(canvas, _STRIPES, middle - 0.25, (0.5**0.5, 0.5**0.5))))
        elif truth.style == "shadowed":
            _cast_shadow(canvas, mask, background)
        canvas.stamp(colour, mask)


def icon_radius(truth: Truth) -> float:
    """The radius of each icon, in units of the short side. Several, or one that is off centre, are a size smaller."""
    alone = truth.count == 1 and truth.place == "centre"
    return _RADII[truth.size if alone else {"small": "tiny", "medium": "small"}[truth.size]]


def _shapes(truth: Truth) -> list[str]:
    return [truth.subject, truth.second] if truth.second else [truth.subject] * truth.count


def _cast_shadow(canvas: Canvas, mask: Image.Image, background: RGB) -> None:
    """Darken the background below the mask, softly, half a cell to a cell beyond its edge."""
    soft = mask.reduce(4).filter(ImageFilter.GaussianBlur(0.75 * CELL * canvas.unit))
    below = ImageChops.offset(soft, 0, round(CELL * canvas.unit))
    r, g, b = (round(c * (1 - _SHADE)) for c in background)
    canvas.image.paste((r, g, b), mask=below)


def _centres(canvas: Canvas, truth: Truth, rng: Random) -> list[Point]:
    if truth.count == 1:
        return [_spot(truth, canvas)]
    x, y = canvas.width / 2, canvas.height / 2
    arrangement = _SIDE_BY_SIDE if truth.second else rng.choice(_ARRANGEMENTS[truth.count])
    spread = (6 if truth.size == "small" else 8) * CELL
    return [(x + spread * dx, y + spread * dy) for dx, dy in arrangement]


def _spot(truth: Truth, canvas: Canvas) -> Point:
    edge, w, h = icon_radius(truth) + 2 * CELL, canvas.width, canvas.height
    spots = {"left": (edge, h / 2), "right": (w - edge, h / 2), "top": (w / 2, edge), "bottom": (w / 2, h - edge)}
    return spots.get(truth.place, (w / 2, h / 2))


_SIDE_BY_SIDE: Final[tuple[Point, ...]] = ((-1, 0), (1, 0))
_ARRANGEMENTS: Final[dict[int, tuple[tuple[Point, ...], ...]]] = {
    2: (_SIDE_BY_SIDE, _SIDE_BY_SIDE, ((0, -1), (0, 1))),
    3: (((0, -1), (-1, 1), (1, 1)),),
    4: (((-1, -1), (1, -1), (-1, 1), (1, 1)),),
}
