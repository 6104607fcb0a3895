"""The ground truth of a drawing, chosen before it is drawn."""

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from studio.tools.spark.palette import COLOURS, apart
from studio.tools.spark.shapes import SHAPES

Kind = Literal["icon", "pattern", "gradient", "scene"]

PATTERNS: Final = (
    "polka dots",
    "horizontal stripes",
    "vertical stripes",
    "diagonal stripes",
    "checkerboard",
    "zigzag",
    "waves",
    "terrazzo",
    "grid",
    "triangles",
)
GRADIENTS: Final = ("top to bottom", "left to right", "diagonal", "radial")
SCENES: Final = (
    "sunset over hills",
    "night sky with moon and stars",
    "sea with sun",
    "city skyline",
    "mountains with snow",
    "tree on a meadow",
)
STYLES: Final = ("solid", "outlined", "striped", "shadowed")
SIZES: Final = ("small", "medium", "large")
PLACES: Final = ("centre", "left", "right", "top", "bottom")
KINDS: Final[tuple[tuple[Kind, float], ...]] = (
    ("icon", 0.72),
    ("pattern", 0.13),
    ("gradient", 0.05),
    ("scene", 0.1),
)


@dataclass(frozen=True)
class Truth:
    """The ground truth of one drawing.

    ``subject`` is a shape, a pattern, the direction of a gradient or a scene. A scene has its own colours,
    so ``colour`` and ``background`` are empty there; a gradient goes from ``colour`` to ``background``.
    ``style``, ``size`` and ``place`` apply to icons only. ``second`` is the shape to the right of
    ``subject`` if a picture shows two different things.
    """

    kind: Kind
    subject: str
    colour: str = ""
    background: str = ""
    count: int = 1
    style: str = "solid"
    size: str = "medium"
    place: str = "centre"
    second: str = ""


def held_out(truth: Truth) -> bool:
    """Whether the (shape, colour, background) of an icon is held out from training: one in twenty.

    Of two different things, one is enough. A hash decides it, so it does not depend on the order or the number of
    drawings.
    """
    if truth.kind != "icon":
        return False
    keys = (f"{shape}/{truth.colour}/{truth.background}".encode() for shape in (truth.subject, truth.second) if shape)
    return any(hashlib.sha256(key).digest()[0] < 13 for key in keys)


def choose(rng: Random, *, hold_out: bool = False) -> Truth:
    """A random ground truth for training; with ``hold_out``, only held-out icons of one shape."""
    while True:
        kind: Kind = "icon" if hold_out else rng.choices(*zip(*KINDS, strict=True))[0]
        truth = _CHOOSERS[kind](rng)
        if held_out(truth) == hold_out and not (hold_out and truth.second):
            return truth


_PLAIN: Final = ("white", "white", "black", "black", "cream", "navy")


def colour_pair(rng: Random) -> tuple[str, str]:
    """Two colours that can be told apart; light and dark backgrounds are most frequent."""
    while True:
        plain = rng.random() < 0.4
        background = rng.choice(_PLAIN) if plain else rng.choice(tuple(COLOURS))
        colour = rng.choice(tuple(COLOURS))
        if apart(colour, background):
            return colour, background


_BROAD: Final = (  # shapes that are still recognisable with stripes
    "circle", "square", "triangle", "diamond", "hexagon", "star", "heart", "cross", "ring", "cloud", "drop", "flower",
    "tree", "mushroom", "house", "crown", "bell", "book",
)  # fmt: skip


def _icon(rng: Random) -> Truth:
    if rng.random() < 0.1:
        return _two_things(rng)
    colour, background = colour_pair(rng)
    count = rng.choices((1, 2, 3, 4), (0.52, 0.16, 0.16, 0.16))[0]
    striped, shadowed = 0.12 * (count < 3), 0.08 * casts_shadow(colour, background)
    style = rng.choices(STYLES, (0.64, 0.16, striped, shadowed))[0]
    shape = rng.choice(_BROAD if style == "striped" else tuple(SHAPES))
    size = rng.choices(SIZES, _size_odds(count, style))[0]
    off_centre = count == 1 and size != "large" and style in ("solid", "shadowed") and rng.random() < 0.4
    place = rng.choice(PLACES[1:]) if off_centre else "centre"
    return Truth("icon", shape, colour, background, count, style, size, place)


def _size_odds(count: int, style: str) -> tuple[float, float, float]:
    """Outlines and stripes are not visible on small icons; several large icons do not fit."""
    small = style in ("solid", "shadowed")
    return (0.15 * small, 0.65, 0.2) if count == 1 else (0.2 * small, 0.8, 0)


def _two_things(rng: Random) -> Truth:
    colour, background = colour_pair(rng)
    one, other = rng.sample(tuple(SHAPES), 2)
    return Truth("icon", one, colour, background, 2, rng.choices(STYLES[:2], (0.85, 0.15))[0], second=other)


def casts_shadow(colour: str, background: str) -> bool:
    """Whether a soft shadow is visible on the background, and the icon stands out from its shadow."""
    ink, ground = COLOURS[colour], COLOURS[background]
    return sum(ground) > 420 and sum(abs(a - b) for a, b in zip(ink, ground, strict=True)) > 330


def _pattern(rng: Random) -> Truth:
    return Truth("pattern", rng.choice(PATTERNS), *colour_pair(rng))


def _gradient(rng: Random) -> Truth:
    return Truth("gradient", rng.choice(GRADIENTS), *colour_pair(rng))


def _scene(rng: Random) -> Truth:
    return Truth("scene", rng.choice(SCENES))


_CHOOSERS: Final = {"icon": _icon, "pattern": _pattern, "gradient": _gradient, "scene": _scene}
