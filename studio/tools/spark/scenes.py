"""Six small landscapes, each with its own palettes; the things in them are aligned to the lattice."""

from collections.abc import Callable
from math import dist, pi, sin
from random import Random
from types import MappingProxyType
from typing import Final

from studio.tools.spark.canvas import CELL, Canvas, box, place, snap
from studio.tools.spark.palette import RGB
from studio.tools.spark.patterns import paint_gradient
from studio.tools.spark.shapes import SHAPES, Point, Ring


def paint_scene(canvas: Canvas, name: str, rng: Random) -> None:
    """Paint the scene ``name`` over the whole canvas."""
    _SCENES[name](canvas, rng)


def _sky(canvas: Canvas, top: RGB, bottom: RGB) -> None:
    paint_gradient(canvas, "top to bottom", top, bottom)


def _shade(colour: RGB, rng: Random, spread: int = 3) -> RGB:
    r, g, b = (max(0, min(255, round(c + rng.gauss(0, spread)))) for c in colour)
    return r, g, b


def _disc(canvas: Canvas, colour: RGB, centre: Point, radius: float) -> None:
    canvas.fill(colour, place(SHAPES["circle"](), centre, radius))


def _hill(canvas: Canvas, colour: RGB, level: float, height: float, rng: Random) -> None:
    """Hills from ``level`` (a share of the picture's height) down."""
    phase, length = rng.randrange(4) * pi / 2, rng.choice((0.75, 1.0, 1.25))
    xs = [canvas.width * k / 40 for k in range(41)]
    ridge = [(x, canvas.height * level - height * sin(2 * pi * x / length + phase)) for x in xs]
    canvas.fill(colour, [Ring((*ridge, (canvas.width, canvas.height), (0, canvas.height)))])


def _sunset(canvas: Canvas, rng: Random) -> None:
    top, bottom = rng.choice(
        (((122, 70, 140), (252, 170, 100)), ((232, 92, 80), (252, 206, 120)), ((70, 80, 150), (248, 150, 130)))
    )
    _sky(canvas, _shade(top, rng), _shade(bottom, rng))
    centre = (snap(rng.choice((0.375, 0.5, 0.625)) * canvas.width), snap(0.53 * canvas.height))
    _disc(canvas, _shade((255, 226, 130), rng), centre, 5 * CELL)
    for level, colour in ((0.66, (150, 70, 96)), (0.77, (106, 52, 92)), (0.88, (62, 38, 78))):
        _hill(canvas, _shade(colour, rng), level, 0.045, rng)


def _night(canvas: Canvas, rng: Random) -> None:
    _sky(canvas, _shade((18, 26, 66), rng), _shade((56, 68, 130), rng))
    moon = (snap(rng.choice((0.3, 0.5, 0.7)) * canvas.width), snap(0.31 * canvas.height))
    canvas.fill(_shade((252, 240, 190), rng), place(SHAPES["moon"](), moon, 5 * CELL, pi))
    rows = [(y / 8 * canvas.height, 1 / 16 * (y % 2)) for y in range(1, 6)]
    spots = [(snap((x / 8 + shift) * canvas.width), snap(y)) for x in range(1, 8) for y, shift in rows]
    for at in rng.sample([spot for spot in spots if dist(spot, moon) > 0.26], 8):
        canvas.fill((255, 246, 214), place(SHAPES["star"](), at, 1.25 * CELL))
    _hill(canvas, _shade((14, 18, 44), rng), 0.87, 0.04, rng)


def _sea(canvas: Canvas, rng: Random) -> None:
    _sky(canvas, _shade((112, 196, 236), rng), _shade((222, 240, 244), rng))
    horizon = snap(0.6 * canvas.height)
    sun = (snap(rng.choice((0.3, 0.5, 0.7)) * canvas.width), horizon - rng.choice((0, 3, 8)) * CELL)
    _disc(canvas, _shade((254, 214, 80), rng), sun, 5 * CELL)
    shades = ((32, 126, 190), (24, 102, 166), (18, 80, 140))
    for k, colour in enumerate(shades):
        top = horizon + k * (canvas.height - horizon) / 3
        canvas.fill(_shade(colour, rng), _swell(canvas, top, 0 if k == 0 else 0.018, rng))


def _swell(canvas: Canvas, top: float, height: float, rng: Random) -> list[Ring]:
    phase = rng.randrange(4) * pi / 2
    xs = [canvas.width * k / 60 for k in range(61)]
    crest = [(x, top + height * sin(2 * pi * x / 0.25 + phase)) for x in xs]
    return [Ring((*crest, (canvas.width, canvas.height), (0, canvas.height)))]


def _city(canvas: Canvas, rng: Random) -> None:
    night = rng.random() < 0.5
    sky, far, near, lit = (
        (((34, 42, 92), (120, 100, 172)), (64, 64, 122), (26, 30, 64), (252, 220, 120))
        if night
        else (((150, 206, 236), (236, 240, 240)), (134, 160, 190), (62, 84, 120), (214, 232, 242))
    )
    _sky(canvas, _shade(sky[0], rng), _shade(sky[1], rng))
    _towers(canvas, _shade(far, rng), 0.4, 0.62, None, rng)
    _towers(canvas, _shade(near, rng), 0.55, 0.82, lit, rng)


def _towers(canvas: Canvas, colour: RGB, high: float, low: float, lit: RGB | None, rng: Random) -> None:
    x = -rng.randint(0, 2) * CELL
    while x < canvas.width:
        width, top = rng.choice((5, 7)) * CELL, snap(rng.uniform(high, low) * canvas.height)
        canvas.fill(colour, [box(x, top, x + width, canvas.height)])
        if lit:
            canvas.fill(
                lit,
                [
                    box(wx, wy, wx + CELL, wy + CELL)
                    for wx in (x + k * CELL for k in range(1, round(width / CELL) - 1, 2))
                    for wy in _floors(top, canvas.height)
                ],
            )
        x += width + rng.choice((0, 0, CELL))


def _floors(top: float, bottom: float) -> list[float]:
    return [top + (1 + 3 * k) * CELL for k in range(int((bottom - top) / (3 * CELL)))]


def _mountains(canvas: Canvas, rng: Random) -> None:
    _sky(canvas, _shade((128, 190, 232), rng), _shade((232, 240, 244), rng))
    for colour, spots in (((128, 146, 176), (0.15, 0.8)), ((84, 102, 138), (0.45, 1.0))):
        shade = _shade(colour, rng)
        for spot in spots:
            across, down = spot + rng.choice((-0.1, 0, 0.1)), rng.choice((0.22, 0.28, 0.34, 0.4))
            _peak(canvas, shade, (snap(across * canvas.width), snap(down * canvas.height)), 0.8)
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
    x, foot = snap(rng.choice((0.3, 0.5, 0.7)) * canvas.width), snap(0.8 * canvas.height)
    canvas.fill(_shade((120, 82, 56), rng), [box(x - CELL, foot - 8 * CELL, x + CELL, foot)])
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
