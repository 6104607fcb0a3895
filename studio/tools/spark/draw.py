"""Flat graphics with their captions and ground truth: Spark's training data.

A drawing follows from its seed. The same seed at another size is the same drawing,
larger or with more space around it.
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
class LabelledDrawing:
    """A picture (RGB), one caption, and its ground truth."""

    image: Image.Image
    caption: str
    truth: Truth


def draw(seed: int, size: tuple[int, int] = (256, 256), *, hold_out: bool = False) -> LabelledDrawing:
    """The drawing number ``seed``.

    ``hold_out`` draws only icons whose (shape, colour, background) is held out from training.
    """
    rng = Random(seed)
    truth = choose(rng, hold_out=hold_out)
    words = caption(truth, rng)
    return LabelledDrawing(paint(truth, rng, size), words, truth)


def paint(truth: Truth, rng: Random, size: tuple[int, int] = (256, 256)) -> Image.Image:
    """Paint a ground truth; ``rng`` decides what it leaves open."""
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
    """The colour with noise: σ = 3 of 255 in each channel."""
    r, g, b = (max(0, min(255, round(c + rng.gauss(0, 3)))) for c in colour)
    return r, g, b
