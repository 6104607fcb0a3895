"""Thirty-two silhouettes as polygons.

A silhouette is a tuple of rings in a box from -1 to 1 (x to the right, y down). Rings are
filled one after another; a ring marked as a hole is cut out again. ``canvas.py`` draws them.
"""

from collections.abc import Callable, Iterator
from math import cos, pi, radians, sin
from types import MappingProxyType
from typing import Final, NamedTuple

Point = tuple[float, float]


class Ring(NamedTuple):
    """A closed polygon; a hole is cut out of what was filled before it."""

    points: tuple[Point, ...]
    hole: bool = False


Silhouette = tuple[Ring, ...]


def _ring(*points: Point, hole: bool = False) -> Ring:
    return Ring(points, hole)


def _arc(
    cx: float, cy: float, rx: float, ry: float, start: float = 0, end: float = 360, n: int = 48
) -> Iterator[Point]:
    """Points of an ellipse, from ``start`` to ``end`` in degrees, clockwise from the right."""
    for i in range(n + 1):
        angle = radians(start + (end - start) * i / n)
        yield cx + rx * cos(angle), cy + ry * sin(angle)


def _disc(cx: float = 0, cy: float = 0, r: float = 0.92, *, hole: bool = False) -> Ring:
    return Ring(tuple(_arc(cx, cy, r, r)), hole)


def _box(left: float, top: float, right: float, bottom: float, *, hole: bool = False) -> Ring:
    return _ring((left, top), (right, top), (right, bottom), (left, bottom), hole=hole)


def _regular(corners: int, radii: tuple[float, ...], turn: float) -> Ring:
    """A polygon whose corner k is at the radius ``radii[k % len(radii)]``; ``turn`` in degrees."""
    angles = (radians(turn + 360 * k / corners) for k in range(corners))
    return Ring(tuple((radii[k % len(radii)] * cos(a), radii[k % len(radii)] * sin(a)) for k, a in enumerate(angles)))


def _heart() -> Silhouette:
    turns = (2 * pi * k / 64 for k in range(64))
    return (
        Ring(
            tuple(
                (
                    sin(t) ** 3,
                    -(13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t)) / 16.5 - 0.08,
                )
                for t in turns
            )
        ),
    )


def _moon() -> Silhouette:
    outer = tuple(_arc(-0.05, 0, 0.95, 0.95, 50, 310))
    inner = tuple(_arc(0.32, 0, 0.74, 0.74, 280, 80))
    return (Ring(outer + inner),)


def _sun() -> Silhouette:
    rays = (_ring(*(_turn(p, 45 * k) for p in ((0.62, -0.13), (1.0, 0.0), (0.62, 0.13)))) for k in range(8))
    return (_disc(r=0.52), *rays)


def _turn(point: Point, degrees: float) -> Point:
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return c * point[0] - s * point[1], s * point[0] + c * point[1]


def _cloud() -> Silhouette:
    puffs = ((-0.52, 0.22, 0.4), (-0.12, -0.16, 0.5), (0.4, -0.02, 0.38), (0.62, 0.28, 0.34))
    return (*(_disc(x, y, r) for x, y, r in puffs), _box(-0.52, 0.2, 0.62, 0.62))


def _drop() -> Silhouette:
    round_end = tuple(_arc(0, 0.32, 0.62, 0.62, -20, 200))
    return (Ring(((0.0, -0.98), *round_end)),)


def _leaf() -> Silhouette:
    right = tuple(_arc(-0.62, 0, 1.2, 1.12, -58, 58))
    left = tuple(_arc(0.62, 0, 1.2, 1.12, 122, 238))
    vein = _box(-0.05, -0.3, 0.05, 0.98, hole=True)
    stem = _box(-0.06, 0.8, 0.06, 1.0)
    return tuple(Ring(tuple(_turn(p, 30) for p in r.points), r.hole) for r in (Ring(right + left), vein, stem))


def _flower() -> Silhouette:
    petals = (_disc(0.56 * cos(radians(60 * k)), 0.56 * sin(radians(60 * k)), 0.36) for k in range(6))
    return (*petals, _disc(r=0.45), _disc(r=0.24, hole=True))


def _tree() -> Silhouette:
    tiers = (
        _ring((0, -1), (0.5, -0.3), (-0.5, -0.3)),
        _ring((0, -0.65), (0.66, 0.2), (-0.66, 0.2)),
        _ring((0, -0.2), (0.82, 0.66), (-0.82, 0.66)),
    )
    return (*tiers, _box(-0.14, 0.6, 0.14, 1))


def _mushroom() -> Silhouette:
    cap = Ring(tuple(_arc(0, 0.1, 0.95, 0.98, 180, 360)))
    return (cap, _box(-0.3, 0.05, 0.3, 0.92), _disc(-0.4, -0.3, 0.16, hole=True), _disc(0.3, -0.45, 0.19, hole=True))


def _house() -> Silhouette:
    roof = _ring((0, -0.95), (1, -0.05), (-1, -0.05))
    return (roof, _box(-0.72, -0.06, 0.72, 0.88), _box(-0.2, 0.28, 0.2, 0.9, hole=True))


def _crown() -> Silhouette:
    points = ((-0.95, -0.6), (-0.45, 0.0), (0, -0.85), (0.45, 0.0), (0.95, -0.6), (0.75, 0.7), (-0.75, 0.7))
    return (_ring(*points),)


def _fish() -> Silhouette:
    body = Ring(tuple(_arc(-0.2, 0, 0.78, 0.5)))
    return (body, _ring((0.35, 0), (0.98, -0.55), (0.98, 0.55)), _disc(-0.6, -0.12, 0.1, hole=True))


def _boat() -> Silhouette:
    hull = _ring((-0.95, 0.35), (0.95, 0.35), (0.55, 0.85), (-0.6, 0.85))
    sails = (_ring((-0.06, -0.95), (-0.06, 0.2), (-0.75, 0.2)), _ring((0.08, -0.8), (0.75, 0.2), (0.08, 0.2)))
    return (hull, *sails, _box(-0.06, 0.1, 0.08, 0.4))


def _umbrella() -> Silhouette:
    dome = Ring(tuple(_arc(0, 0.05, 0.98, 0.95, 180, 360)))
    scallops = (_disc(x, 0.08, 0.22, hole=True) for x in (-0.65, 0.0, 0.65))
    hook = Ring((*_arc(0.2, 0.72, 0.27, 0.24, 180, 0), *_arc(0.2, 0.72, 0.13, 0.11, 0, 180)))
    return (dome, *scallops, _box(-0.07, -0.1, 0.07, 0.74), hook)


def _cup() -> Silhouette:
    base = (*_arc(0.05, 0.45, 0.4, 0.45, 0, 90), *_arc(-0.45, 0.45, 0.4, 0.45, 90, 180))
    bowl = _ring((-0.85, -0.3), (0.45, -0.3), *base)
    steam = (_box(x, -0.95, x + 0.16, -0.48) for x in (-0.56, -0.28, 0.0))
    return (_disc(0.5, 0.15, 0.45), _disc(0.5, 0.15, 0.22, hole=True), bowl, *steam)


def _rocket() -> Silhouette:
    right = tuple(_arc(-0.62, 0.0, 1.04, 1.2, -54, 30))
    left = tuple(_arc(0.62, 0.0, 1.04, 1.2, 150, 234))
    fins = (_ring((side * 0.3, 0.05), (side * 0.78, 0.5), (side * 0.72, 0.98), (side * 0.25, 0.6)) for side in (-1, 1))
    return (*fins, Ring(right + left), _disc(0, -0.22, 0.18, hole=True), _ring((-0.16, 0.68), (0.16, 0.68), (0, 1)))


def _cat() -> Silhouette:
    ears = (_ring((side * 0.84, -0.92), (side * 0.8, 0.1), (side * 0.12, -0.5)) for side in (-1, 1))
    face = Ring(tuple(_arc(0, 0.18, 0.86, 0.74)))
    eyes = (_disc(x, 0.08, 0.13, hole=True) for x in (-0.36, 0.36))
    return (*ears, face, *eyes, _ring((-0.14, 0.4), (0.14, 0.4), (0, 0.56), hole=True))


def _key() -> Silhouette:
    teeth = (_box(0.42, 0.1, 0.6, 0.44), _box(0.76, 0.1, 0.94, 0.36))
    return (_disc(-0.54, 0, 0.44), _disc(-0.54, 0, 0.2, hole=True), _box(-0.16, -0.13, 0.96, 0.13), *teeth)


def _bell() -> Silhouette:
    dome = _ring((-0.82, 0.56), *_arc(0, -0.22, 0.52, 0.58, 180, 360), (0.82, 0.56))
    return (_disc(0, -0.82, 0.16), dome, _disc(0, 0.7, 0.24), _box(-0.3, 0.56, 0.3, 0.66, hole=True))


def _envelope() -> Silhouette:
    fold = _ring((-0.95, -0.62), (0, 0.14), (0.95, -0.62), (0.95, -0.42), (0, 0.34), (-0.95, -0.42), hole=True)
    return (_box(-0.95, -0.66, 0.95, 0.66), fold)


def _camera() -> Silhouette:
    body = (_ring((-0.42, -0.7), (0.42, -0.7), (0.56, -0.4), (-0.56, -0.4)), _box(-0.95, -0.44, 0.95, 0.7))
    return (*body, _disc(0, 0.12, 0.44, hole=True), _disc(0, 0.12, 0.26), _box(0.62, -0.3, 0.8, -0.14, hole=True))


def _book() -> Silhouette:
    return tuple(
        _ring((side * 0.96, -0.66), (side * 0.06, -0.44), (side * 0.06, 0.76), (side * 0.96, 0.54)) for side in (-1, 1)
    )


SHAPES: Final[MappingProxyType[str, Callable[[], Silhouette]]] = MappingProxyType(
    {
        "circle": lambda: (_disc(),),
        "square": lambda: (_box(-0.82, -0.82, 0.82, 0.82),),
        "triangle": lambda: (_ring((0, -0.88), (0.98, 0.8), (-0.98, 0.8)),),
        "diamond": lambda: (_ring((0, -1), (0.7, 0), (0, 1), (-0.7, 0)),),
        "hexagon": lambda: (_regular(6, (0.96,), 0),),
        "star": lambda: (_regular(10, (1.0, 0.42), -90),),
        "heart": _heart,
        "cross": lambda: (_box(-0.28, -0.9, 0.28, 0.9), _box(-0.9, -0.28, 0.9, 0.28)),
        "arrow": lambda: (_box(-0.95, -0.22, 0.15, 0.22), _ring((0.05, -0.7), (0.98, 0), (0.05, 0.7))),
        "ring": lambda: (_disc(r=0.95), _disc(r=0.52, hole=True)),
        "moon": _moon,
        "sun": _sun,
        "cloud": _cloud,
        "drop": _drop,
        "bolt": lambda: (
            _ring((0.2, -1), (-0.6, 0.14), (-0.06, 0.14), (-0.22, 1), (0.6, -0.2), (0.06, -0.2), (0.45, -1)),
        ),
        "leaf": _leaf,
        "flower": _flower,
        "tree": _tree,
        "mushroom": _mushroom,
        "house": _house,
        "crown": _crown,
        "fish": _fish,
        "boat": _boat,
        "umbrella": _umbrella,
        "cup": _cup,
        "rocket": _rocket,
        "cat": _cat,
        "key": _key,
        "bell": _bell,
        "envelope": _envelope,
        "camera": _camera,
        "book": _book,
    }
)


def plural(shape: str) -> str:
    """The plural of a shape's name: stars, crosses, leaves, fish."""
    irregular = {"leaf": "leaves", "fish": "fish"}
    return irregular.get(shape) or (f"{shape}es" if shape.endswith(("s", "x", "sh")) else f"{shape}s")
