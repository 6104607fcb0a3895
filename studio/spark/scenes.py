"""Six small landscapes, each in palettes of its own."""

from collections.abc import Callable
from math import pi, sin
from random import Random
from types import MappingProxyType
from typing import Final

from studio.spark.canvas import Canvas, box, place
from studio.spark.palette import RGB
from studio.spark.patterns import paint_gradient
from studio.spark.shapes import SHAPES, Point, Ring


def paint_scene(canvas: Canvas, name: str, rng: Random) -> None:
    """Paint the scene ``name`` over the whole canvas."""
    _SCENES[name](canvas, rng)


def _sky(canvas: Canvas, top: RGB, bottom: RGB) -> None:
    paint_gradient(canvas, "top to bottom", top, bottom)


def _shade(colour: RGB, rng: Random, spread: int = 8) -> RGB:
    r, g, b = (max(0, min(255, round(c + rng.gauss(0, spread)))) for c in colour)
    return r, g, b


def _disc(canvas: Canvas, colour: RGB, centre: Point, radius: float) -> None:
    canvas.fill(colour, place(SHAPES["circle"](), centre, radius))


def _hill(canvas: Canvas, colour: RGB, level: float, height: float, rng: Random) -> None:
    """Rolling ground from ``level`` (of the picture's height) down."""
    phase, length = rng.random() * 2 * pi, rng.uniform(0.7, 1.3)
    xs = [canvas.width * k / 40 for k in range(41)]
    ridge = [(x, canvas.height * level - height * sin(2 * pi * x / length + phase)) for x in xs]
    canvas.fill(colour, [Ring((*ridge, (canvas.width, canvas.height), (0, canvas.height)))])


def _sunset(canvas: Canvas, rng: Random) -> None:
    top, bottom = rng.choice(
        (((122, 70, 140), (252, 170, 100)), ((232, 92, 80), (252, 206, 120)), ((70, 80, 150), (248, 150, 130)))
    )
    _sky(canvas, _shade(top, rng), _shade(bottom, rng))
    centre = (rng.uniform(0.3, 0.7) * canvas.width, rng.uniform(0.48, 0.58) * canvas.height)
    _disc(canvas, _shade((255, 226, 130), rng), centre, rng.uniform(0.13, 0.19))
    for level, colour in ((0.66, (150, 70, 96)), (0.77, (106, 52, 92)), (0.88, (62, 38, 78))):
        _hill(canvas, _shade(colour, rng), level, rng.uniform(0.03, 0.06), rng)


def _night(canvas: Canvas, rng: Random) -> None:
    _sky(canvas, _shade((18, 26, 66), rng, 5), _shade((56, 68, 130), rng))
    moon = (rng.uniform(0.25, 0.75) * canvas.width, rng.uniform(0.25, 0.4) * canvas.height)
    canvas.fill(_shade((252, 240, 190), rng), place(SHAPES["moon"](), moon, rng.uniform(0.13, 0.18), pi))
    for _ in range(rng.randint(7, 12)):
        at = (rng.uniform(0.04, 0.96) * canvas.width, rng.uniform(0.05, 0.75) * canvas.height)
        if abs(at[0] - moon[0]) + abs(at[1] - moon[1]) > 0.32:
            canvas.fill((255, 246, 214), place(SHAPES["star"](), at, rng.uniform(0.022, 0.04)))
    _hill(canvas, _shade((14, 18, 44), rng, 4), 0.87, 0.04, rng)


def _sea(canvas: Canvas, rng: Random) -> None:
    _sky(canvas, _shade((112, 196, 236), rng), _shade((222, 240, 244), rng))
    horizon = rng.uniform(0.55, 0.65) * canvas.height
    _disc(
        canvas,
        _shade((254, 214, 80), rng),
        (rng.uniform(0.25, 0.75) * canvas.width, horizon - rng.uniform(0, 0.22)),
        rng.uniform(0.12, 0.17),
    )
    shades = ((32, 126, 190), (24, 102, 166), (18, 80, 140))
    for k, colour in enumerate(shades):
        top = horizon + k * (canvas.height - horizon) / 3
        canvas.fill(_shade(colour, rng), _swell(canvas, top, 0 if k == 0 else 0.018, rng))


def _swell(canvas: Canvas, top: float, height: float, rng: Random) -> list[Ring]:
    phase = rng.random() * 2 * pi
    xs = [canvas.width * k / 60 for k in range(61)]
    crest = [(x, top + height * sin(2 * pi * x / 0.25 + phase)) for x in xs]
    return [Ring((*crest, (canvas.width, canvas.height), (0, canvas.height)))]


def _city(canvas: Canvas, rng: Random) -> None:
    night = rng.random() < 0.5
    sky, far, near, lit = (
        (((34, 42, 92), (92, 84, 150)), (60, 62, 116), (26, 30, 64), (252, 220, 120))
        if night
        else (((150, 206, 236), (236, 240, 240)), (134, 160, 190), (62, 84, 120), (214, 232, 242))
    )
    _sky(canvas, _shade(sky[0], rng), _shade(sky[1], rng))
    _towers(canvas, _shade(far, rng), 0.4, 0.62, None, rng)
    _towers(canvas, _shade(near, rng), 0.55, 0.82, lit, rng)


def _towers(canvas: Canvas, colour: RGB, high: float, low: float, lit: RGB | None, rng: Random) -> None:
    x = -rng.uniform(0, 0.08)
    while x < canvas.width:
        width, top = rng.uniform(0.13, 0.2), rng.uniform(high, low) * canvas.height
        canvas.fill(colour, [box(x, top, x + width, canvas.height)])
        if lit:
            canvas.fill(
                lit,
                [
                    box(wx, wy, wx + 0.026, wy + 0.036)
                    for wx in (x + 0.03, x + width - 0.056)
                    for wy in _floors(top, canvas.height)
                ],
            )
        x += width + rng.choice((0, 0, 0.02))


def _floors(top: float, bottom: float) -> list[float]:
    return [top + 0.04 + 0.085 * k for k in range(int((bottom - top) / 0.085))]


def _mountains(canvas: Canvas, rng: Random) -> None:
    _sky(canvas, _shade((128, 190, 232), rng), _shade((232, 240, 244), rng))
    for colour, spots in (((128, 146, 176), (0.15, 0.8)), ((84, 102, 138), (0.45, 1.0))):
        shade = _shade(colour, rng)
        for spot in spots:
            peak = ((spot + rng.uniform(-0.1, 0.1)) * canvas.width, rng.uniform(0.2, 0.4) * canvas.height)
            _peak(canvas, shade, peak, rng.uniform(0.75, 0.95))
    _hill(canvas, _shade((70, 130, 96), rng), 0.86, 0.025, rng)


def _peak(canvas: Canvas, colour: RGB, top: Point, slope: float) -> None:
    """A mountain whose upper fifth is snow with a zigzag edge."""
    (x, y), base = top, canvas.height
    run = (base - y) * slope
    canvas.fill(colour, [Ring(((x, y), (x + run, base), (x - run, base)))])
    h = 0.2
    edge = (
        (x + h * slope, y + h),
        (x + h * slope * 0.4, y + h * 0.72),
        (x, y + h * 1.05),
        (x - h * slope * 0.4, y + h * 0.72),
        (x - h * slope, y + h),
    )
    canvas.fill((248, 250, 252), [Ring(((x, y), *edge))])


def _meadow(canvas: Canvas, rng: Random) -> None:
    _sky(canvas, _shade((142, 208, 240), rng), _shade((230, 244, 240), rng))
    _hill(canvas, _shade((150, 204, 98), rng), 0.68, 0.03, rng)
    _hill(canvas, _shade((106, 178, 84), rng), 0.8, 0.03, rng)
    x, foot = rng.uniform(0.3, 0.7) * canvas.width, rng.uniform(0.76, 0.82) * canvas.height
    canvas.fill(_shade((120, 82, 56), rng), [box(x - 0.025, foot - 0.26, x + 0.025, foot)])
    leaves = _shade(rng.choice(((52, 140, 76), (60, 150, 70), (226, 132, 54))), rng)
    for dx, dy, r in ((0, -0.4, 0.15), (-0.1, -0.3, 0.12), (0.1, -0.3, 0.12)):
        _disc(canvas, leaves, (x + dx, foot + dy), r)


_SCENES: Final[MappingProxyType[str, Callable[[Canvas, Random], None]]] = MappingProxyType(
    {
        "sunset over hills": _sunset,
        "night sky with moon and stars": _night,
        "sea with sun": _sea,
        "city skyline": _city,
        "mountains with snow": _mountains,
        "tree on a meadow": _meadow,
    }
)
