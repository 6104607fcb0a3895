"""Flat graphics with their captions and ground truth: all that Spark learns from.

A drawing is decided by its seed alone. The same seed at another size is the same drawing,
larger or with more room.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from PIL import Image, ImageChops

from studio.spark.canvas import Canvas, place
from studio.spark.captions import caption
from studio.spark.palette import COLOURS, RGB
from studio.spark.patterns import bands, paint_gradient, paint_pattern
from studio.spark.scenes import paint_scene
from studio.spark.shapes import SHAPES, Point, Ring
from studio.spark.truth import Truth, choose


@dataclass(frozen=True)
class Drawing:
    """A picture (RGB), one way to ask for it, and what it truly shows."""

    image: Image.Image
    caption: str
    truth: Truth


def draw(seed: int, size: tuple[int, int] = (256, 256), *, hold_out: bool = False) -> Drawing:
    """The drawing number ``seed``.

    ``hold_out`` draws only icons whose (shape, colour, background) training never shows.
    """
    rng = Random(seed)
    truth = choose(rng, hold_out=hold_out)
    words = caption(truth, rng)
    return Drawing(paint(truth, rng, size), words, truth)


def paint(truth: Truth, rng: Random, size: tuple[int, int] = (256, 256)) -> Image.Image:
    """Paint a chosen truth; ``rng`` decides what the truth leaves open."""
    canvas = Canvas(size, _jitter(COLOURS[truth.background], rng) if truth.background else (0, 0, 0))
    if truth.kind == "scene":
        paint_scene(canvas, truth.subject, rng)
        return canvas.image
    colour = _jitter(COLOURS[truth.colour], rng)
    if truth.kind == "pattern":
        paint_pattern(canvas, truth.subject, colour, rng)
    elif truth.kind == "gradient":
        paint_gradient(canvas, truth.subject, colour, COLOURS[truth.background])
    else:
        _paint_icons(canvas, truth, colour, rng)
    return canvas.image


def _jitter(colour: RGB, rng: Random) -> RGB:
    """The colour as another hand would mix it: σ = 4 of 255 in each channel."""
    r, g, b = (max(0, min(255, round(c + rng.gauss(0, 4)))) for c in colour)
    return r, g, b


def _paint_icons(canvas: Canvas, truth: Truth, colour: RGB, rng: Random) -> None:
    centres, radius = _layout(canvas, truth, rng)
    for centre in centres:
        mask = canvas.mask(place(SHAPES[truth.subject](), centre, radius))
        if truth.style == "outlined":
            mask = canvas.outline(mask, max(0.028, radius * 0.12))
        elif truth.style == "striped":
            mask = ImageChops.multiply(mask, canvas.mask(_stripes(canvas, centre, radius)))
        canvas.stamp(colour, mask)


def _stripes(canvas: Canvas, centre: Point, radius: float) -> list[Ring]:
    """Diagonal stripes, one of them through the middle of the icon."""
    period = max(3 * CELL, radius * 0.36)
    across = (0.5**0.5, 0.5**0.5)
    middle = (centre[0] * across[0] + centre[1] * across[1]) / period
    return bands(canvas, period, middle - 0.25, across)


CELL: Final = 1 / 32
"""Icons stand on a grid of 32 cells to a short side, as on an icon designer's sheet. A cell is one
latent, so that the same icon one cell further is the same code: that is what makes shapes learnable."""

_RADII: Final = {  # in cells
    (1, "small"): (6, 7), (1, "medium"): (10, 11, 12), (1, "large"): (14, 15),
    (2, "small"): (4.5, 5), (2, "medium"): (6, 7),
    (3, "small"): (4, 4.5), (3, "medium"): (5.5, 6.5),
    (4, "small"): (4, 4.5), (4, "medium"): (5.5, 6.5),
}  # fmt: skip


def icon_radius(truth: Truth) -> float:
    """How large each icon is at least, in short sides."""
    return CELL * _radii(truth)[0]


def _radii(truth: Truth) -> tuple[float, ...]:
    """Those of the truth's count and size; beside the middle there is less room."""
    radii = _RADII[truth.count, truth.size]
    return radii if truth.place == "centre" or truth.size == "small" else (8, 9)


def _layout(canvas: Canvas, truth: Truth, rng: Random) -> tuple[list[Point], float]:
    """Where the icons stand and how large they are, in short sides; all up to a cell off together."""
    radius = CELL * rng.choice(_radii(truth))
    spots = [_spot(truth.place, canvas, radius)] if truth.count == 1 else _arrangement(truth, canvas, rng)
    shift = (0, 0) if truth.size == "large" else (CELL * rng.randint(-1, 1), CELL * rng.randint(-1, 1))
    return [(x + shift[0], y + shift[1]) for x, y in spots], radius


def _spot(where: str, canvas: Canvas, radius: float) -> Point:
    edge, w, h = radius + 2 * CELL, canvas.width, canvas.height
    spots = {"left": (edge, h / 2), "right": (w - edge, h / 2), "top": (w / 2, edge), "bottom": (w / 2, h - edge)}
    return spots.get(where, (w / 2, h / 2))


def _arrangement(truth: Truth, canvas: Canvas, rng: Random) -> list[Point]:
    """Two side by side or one above the other, three in a triangle or a row, four in a square."""
    row, triangle = ((-10, 0), (0, 0), (10, 0)), ((0, -7), (-8, 7), (8, 7))
    layouts: dict[int, tuple[tuple[Point, ...], ...]] = {
        2: (((-8, 0), (8, 0)), ((-8, 0), (8, 0)), ((0, -8), (0, 8))),
        3: (triangle, row) if truth.size == "small" else (triangle,),
        4: (((-8, -8), (8, -8), (-8, 8), (8, 8)),),
    }
    middle = (canvas.width / 2, canvas.height / 2)
    return [(middle[0] + CELL * x, middle[1] + CELL * y) for x, y in rng.choice(layouts[truth.count])]
