"""Ten repeating patterns and four gradients, in two colours each.

All patterns except terrazzo start at the corner and repeat every four, eight or sixteen cells of the lattice, so a
square picture of them can be tiled.
"""

from collections.abc import Callable
from math import cos, hypot, pi, sin
from random import Random
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageChops

from studio.tools.spark.canvas import CELL, Canvas, box, place
from studio.tools.spark.palette import RGB
from studio.tools.spark.shapes import SHAPES, Point, Ring

Rings = list[Ring]


def paint_pattern(canvas: Canvas, name: str, colour: RGB, rng: Random) -> None:
    """Cover the canvas with the pattern ``name`` in ``colour``."""
    canvas.fill(colour, _PATTERNS[name](canvas, rng))


def bands(canvas: Canvas, period: float, offset: float, direction: Point) -> Rings:
    """Parallel bands half a ``period`` wide; ``direction`` is the unit vector across them."""
    dx, dy = direction
    reach = canvas.width + canvas.height
    rings = []
    for k in range(-int(reach / period) - 1, int(reach / period) + 2):
        near, far = (k + offset) * period, (k + offset + 0.5) * period
        corners = ((near, -reach), (far, -reach), (far, reach), (near, reach))
        rings.append(Ring(tuple((a * dx - b * dy, a * dy + b * dx) for a, b in corners)))
    return rings


def _stripes(direction: Point, *periods: float) -> Callable[[Canvas, Random], Rings]:
    return lambda canvas, rng: bands(canvas, rng.choice(periods), 0, direction)


def _cells(canvas: Canvas, step: float) -> list[tuple[int, int, Point]]:
    """Column, row and corner of every cell of a grid that covers the canvas and one cell around it."""
    columns, rows = int(canvas.width / step) + 2, int(canvas.height / step) + 2
    return [(i, j, (i * step, j * step)) for i in range(-1, columns) for j in range(-1, rows)]


def _dots(canvas: Canvas, rng: Random) -> Rings:
    step = rng.choice((4, 8)) * CELL
    radius = step * 0.3
    return [
        ring
        for _, j, (x, y) in _cells(canvas, step)
        for ring in place(SHAPES["circle"](), (x + (0.25 + j % 2 / 2) * step, y + step / 2), radius)
    ]


def _checkerboard(canvas: Canvas, rng: Random) -> Rings:
    step = rng.choice((4, 8)) * CELL
    return [box(x, y, x + step, y + step) for i, j, (x, y) in _cells(canvas, step) if (i + j) % 2]


def _grid(canvas: Canvas, rng: Random) -> Rings:
    step, line = rng.choice((4, 8)) * CELL, CELL
    starts = [((x + (step - line) / 2), (y + (step - line) / 2)) for _, _, (x, y) in _cells(canvas, step)]
    upright, level = sorted({x for x, _ in starts}), sorted({y for _, y in starts})
    return [box(x, 0, x + line, canvas.height) for x in upright] + [box(0, y, canvas.width, y + line) for y in level]


def _triangles(canvas: Canvas, rng: Random) -> Rings:
    step = rng.choice((4, 8)) * CELL
    return [
        Ring(
            ((x + step * 0.5, y + step * 0.14), (x + step * 0.88, y + step * 0.82), (x + step * 0.12, y + step * 0.82))
        )
        for _, _, (x, y) in _cells(canvas, step)
    ]


def _ribbons(wave: Callable[[float], float], samples: int) -> Callable[[Canvas, Random], Rings]:
    """Horizontal ribbons that follow ``wave``, a function of period 1 and height about 1."""

    def rings(canvas: Canvas, rng: Random) -> Rings:
        length = rng.choice((16, 8)) * CELL
        period = length / 2
        count = int((canvas.width + 1) / length * samples)
        xs = [k * length / samples for k in range(count)]
        tops = [wave(x / length) * period * 0.35 for x in xs]
        ribbons = []
        for k in range(-1, int(canvas.height / period) + 2):
            y = (k + 0.25) * period
            upper = [(x, y + t) for x, t in zip(xs, tops, strict=True)]
            lower = [(x, y + t + period * 0.5) for x, t in zip(xs, tops, strict=True)]
            ribbons.append(Ring((*upper, *reversed(lower))))
        return ribbons

    return rings


def _terrazzo(canvas: Canvas, rng: Random) -> Rings:
    """Stones of a few shapes, each up to two cells away from its place in a square grid."""
    step = 7 * CELL
    return [
        _stone((x + rng.randint(1, 3) * CELL, y + rng.randint(1, 3) * CELL), rng.choice((2.5, 3.25)) * CELL, rng)
        for _, _, (x, y) in _cells(canvas, step)
    ]


def _stone(centre: Point, radius: float, rng: Random) -> Ring:
    """An irregular pentagon or hexagon in one of eight positions."""
    forms = ((1.0, 0.6, 1.0, 0.75, 0.9), (0.7, 1.0, 0.85, 0.6, 1.0, 0.8))
    radii, turn = rng.choice(forms), rng.randrange(8) * pi / 4
    angles = [turn + 2 * pi * k / len(radii) for k in range(len(radii))]
    return Ring(
        tuple(
            (centre[0] + radius * r * cos(a), centre[1] + radius * r * sin(a))
            for r, a in zip(radii, angles, strict=True)
        )
    )


_PATTERNS: Final[MappingProxyType[str, Callable[[Canvas, Random], Rings]]] = MappingProxyType(
    {
        "polka dots": _dots,
        "horizontal stripes": _stripes((0, 1), 4 * CELL, 8 * CELL),
        "vertical stripes": _stripes((1, 0), 4 * CELL, 8 * CELL),
        "diagonal stripes": _stripes((0.5**0.5, 0.5**0.5), 8 * CELL * 0.5**0.5, 16 * CELL * 0.5**0.5),
        "checkerboard": _checkerboard,
        "zigzag": _ribbons(lambda t: abs(2 * (t % 1) - 1) * 2 - 1, 2),
        "waves": _ribbons(lambda t: sin(2 * pi * t), 16),
        "terrazzo": _terrazzo,
        "grid": _grid,
        "triangles": _triangles,
    }
)


def paint_gradient(canvas: Canvas, direction: str, colour: RGB, background: RGB) -> None:
    """Blend from ``colour`` to ``background`` across the whole canvas."""
    ramp = _ramp(direction, canvas.image.size)
    canvas.image.paste(Image.composite(_flat(canvas, background), _flat(canvas, colour), ramp))


def _flat(canvas: Canvas, colour: RGB) -> Image.Image:
    return Image.new("RGB", canvas.image.size, colour)


def _ramp(direction: str, size: tuple[int, int]) -> Image.Image:
    """0 where the gradient begins, 255 where it ends."""
    down = Image.linear_gradient("L").resize(size)
    if direction == "radial":
        reach = max(size) * hypot(1, 1) / 2
        return (
            Image.radial_gradient("L")
            .point(lambda v: min(255, round(v * 128 * hypot(1, 1) / (reach * 256 / max(size)))))
            .resize(size)
        )
    across = Image.linear_gradient("L").rotate(90).resize(size)
    ramps = {"top to bottom": down, "left to right": across, "diagonal": ImageChops.add(down, across, scale=2)}
    return ramps[direction]
