"""What a drawing shows, chosen before it is drawn."""

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from studio.spark.palette import COLOURS, apart
from studio.spark.shapes import SHAPES

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
STYLES: Final = ("solid", "outlined", "striped")
SIZES: Final = ("small", "medium", "large")
PLACES: Final = ("centre", "left", "right", "top", "bottom")
KINDS: Final[tuple[tuple[Kind, float], ...]] = (
    ("icon", 0.68),
    ("pattern", 0.14),
    ("gradient", 0.06),
    ("scene", 0.12),
)


@dataclass(frozen=True)
class Truth:
    """The ground truth of one drawing.

    ``subject`` is a shape, a pattern, the direction of a gradient or a scene. A scene keeps its
    own colours, so ``colour`` and ``background`` are empty there; a gradient runs from
    ``colour`` to ``background``. ``style``, ``size`` and ``place`` speak of icons only.
    """

    kind: Kind
    subject: str
    colour: str = ""
    background: str = ""
    count: int = 1
    style: str = "solid"
    size: str = "medium"
    place: str = "centre"


def held_out(truth: Truth) -> bool:
    """Whether the (shape, colour, background) of an icon is kept out of training: one in twenty.

    Decided by a hash, so it never changes with the order or the number of drawings.
    """
    if truth.kind != "icon":
        return False
    key = f"{truth.subject}/{truth.colour}/{truth.background}".encode()
    return hashlib.sha256(key).digest()[0] < 13


def choose(rng: Random, *, hold_out: bool = False) -> Truth:
    """A random truth for training; with ``hold_out``, only icons that training never saw."""
    while True:
        kind: Kind = "icon" if hold_out else rng.choices(*zip(*KINDS, strict=True))[0]
        truth = _CHOOSERS[kind](rng)
        if held_out(truth) == hold_out:
            return truth


def colour_pair(rng: Random) -> tuple[str, str]:
    """Two colours that can be told apart; light and dark backgrounds come up most."""
    while True:
        plain = rng.random() < 0.3
        background = rng.choice(("white", "black", "cream", "navy")) if plain else rng.choice(tuple(COLOURS))
        colour = rng.choice(tuple(COLOURS))
        if apart(colour, background):
            return colour, background


def _icon(rng: Random) -> Truth:
    colour, background = colour_pair(rng)
    count = rng.choices((1, 2, 3, 4), (0.52, 0.16, 0.16, 0.16))[0]
    style = rng.choices(STYLES, (0.72, 0.15, 0.13 if count < 3 else 0))[0]
    size = rng.choices(SIZES, _size_odds(count, style))[0]
    place = "centre" if count > 1 or size == "large" else rng.choices(PLACES, (0.6, 0.1, 0.1, 0.1, 0.1))[0]
    return Truth("icon", rng.choice(tuple(SHAPES)), colour, background, count, style, size, place)


def _size_odds(count: int, style: str) -> tuple[float, float, float]:
    """Stripes need room to be seen; several large icons do not fit."""
    if style == "striped":
        return (0, 0.7, 0.3) if count == 1 else (0, 1, 0)
    return (0.15, 0.65, 0.2) if count == 1 else (0.2, 0.8, 0)


def _pattern(rng: Random) -> Truth:
    return Truth("pattern", rng.choice(PATTERNS), *colour_pair(rng))


def _gradient(rng: Random) -> Truth:
    return Truth("gradient", rng.choice(GRADIENTS), *colour_pair(rng))


def _scene(rng: Random) -> Truth:
    return Truth("scene", rng.choice(SCENES))


_CHOOSERS: Final = {"icon": _icon, "pattern": _pattern, "gradient": _gradient, "scene": _scene}
