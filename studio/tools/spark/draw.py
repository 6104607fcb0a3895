"""Flat graphics with their captions and ground truth: all that Spark learns from.

A drawing is decided by its seed alone. The same seed at another size is the same drawing,
larger or with more room.
"""

from dataclasses import dataclass
from random import Random

from PIL import Image

from studio.tools.spark.canvas import Canvas
from studio.tools.spark.captions import caption
from studio.tools.spark.icons import paint_icons
from studio.tools.spark.labels import Truth, choose
from studio.tools.spark.palette import COLOURS, RGB
from studio.tools.spark.patterns import paint_gradient, paint_pattern
from studio.tools.spark.scenes import paint_scene


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
    background = _jitter(COLOURS[truth.background], rng) if truth.background else (0, 0, 0)
    canvas = Canvas(size, background)
    if truth.kind == "scene":
        paint_scene(canvas, truth.subject, rng)
        return canvas.image
    colour = _jitter(COLOURS[truth.colour], rng)
    if truth.kind == "pattern":
        paint_pattern(canvas, truth.subject, colour, rng)
    elif truth.kind == "gradient":
        paint_gradient(canvas, truth.subject, colour, background)
    else:
        paint_icons(canvas, truth, colour, background, rng)
    return canvas.image


def _jitter(colour: RGB, rng: Random) -> RGB:
    """The colour as another hand would mix it: σ = 3 of 255 in each channel."""
    r, g, b = (max(0, min(255, round(c + rng.gauss(0, 3)))) for c in colour)
    return r, g, b
