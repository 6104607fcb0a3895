"""Flat graphics with their captions and ground truth: all that Spark learns from.

A drawing is decided by its seed alone. The same seed at another size is the same drawing,
larger or with more room.
"""

from dataclasses import dataclass
from math import radians
from random import Random
from typing import Final

from PIL import Image, ImageChops

from studio.spark.canvas import Canvas, place
from studio.spark.captions import caption
from studio.spark.palette import COLOURS, RGB
from studio.spark.patterns import bands, paint_gradient, paint_pattern
from studio.spark.scenes import paint_scene
from studio.spark.shapes import SHAPES, Point
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
    turn = radians(rng.gauss(0, 4))
    rings = [ring for centre in centres for ring in place(SHAPES[truth.subject](), centre, radius, turn)]
    mask = canvas.mask(rings)
    if truth.style == "outlined":
        mask = canvas.outline(mask, max(0.028, radius * 0.12))
    elif truth.style == "striped":
        stripes = bands(canvas, max(0.08, radius * 0.36), rng.random(), rng.choice(((0, 1), (1, 0), (0.707, 0.707))))
        mask = ImageChops.multiply(mask, canvas.mask(stripes))
    canvas.stamp(colour, mask)


_RADII: Final = {
    (1, "small"): 0.20, (1, "medium"): 0.34, (1, "large"): 0.45,
    (2, "small"): 0.14, (2, "medium"): 0.21,
    (3, "small"): 0.12, (3, "medium"): 0.195,
    (4, "small"): 0.125, (4, "medium"): 0.195,
}  # fmt: skip


def icon_radius(truth: Truth) -> float:
    """How large each icon is on average, in short sides."""
    radius = _RADII[truth.count, truth.size]
    return radius if truth.place == "centre" else min(radius, 0.26)


def _layout(canvas: Canvas, truth: Truth, rng: Random) -> tuple[list[Point], float]:
    """Where the icons stand and how large they are, in short sides."""
    radius = icon_radius(truth) * rng.uniform(0.92, 1.08)
    alone = truth.count == 1
    spots = [_spot(truth.place, canvas, radius)] if alone else _arrangement(truth, canvas, rng)
    wobble = 0.02 if truth.count == 1 and truth.size != "large" else 0.01
    return [(x + rng.gauss(0, wobble), y + rng.gauss(0, wobble)) for x, y in spots], radius


def _spot(where: str, canvas: Canvas, radius: float) -> Point:
    edge, w, h = radius + 0.06, canvas.width, canvas.height
    spots = {"left": (edge, h / 2), "right": (w - edge, h / 2), "top": (w / 2, edge), "bottom": (w / 2, h - edge)}
    return spots.get(where, (w / 2, h / 2))


def _arrangement(truth: Truth, canvas: Canvas, rng: Random) -> list[Point]:
    """Two side by side or one above the other, three in a triangle or a row, four in a square."""
    row = ((-0.32, 0.0), (0.0, 0.0), (0.32, 0.0))
    triangle = ((0.0, -0.22), (-0.23, 0.21), (0.23, 0.21))
    layouts: dict[int, tuple[tuple[Point, ...], ...]] = {
        2: (((-0.24, 0), (0.24, 0)), ((-0.24, 0), (0.24, 0)), ((0, -0.24), (0, 0.24))),
        3: (triangle, row) if truth.size == "small" else (triangle,),
        4: (((-0.235, -0.235), (0.235, -0.235), (-0.235, 0.235), (0.235, 0.235)),),
    }
    return [(canvas.width / 2 + x, canvas.height / 2 + y) for x, y in rng.choice(layouts[truth.count])]
