"""The sixteen colours that Spark knows by name."""

from types import MappingProxyType
from typing import Final

RGB = tuple[int, int, int]

COLOURS: Final = MappingProxyType(
    {
        "red": (222, 52, 56),
        "orange": (247, 143, 38),
        "yellow": (252, 214, 64),
        "lime": (168, 216, 64),
        "green": (44, 152, 84),
        "teal": (20, 134, 142),
        "cyan": (112, 208, 232),
        "blue": (46, 104, 222),
        "navy": (26, 42, 100),
        "purple": (132, 72, 184),
        "pink": (246, 150, 188),
        "brown": (128, 84, 56),
        "black": (24, 24, 28),
        "gray": (142, 148, 154),
        "white": (250, 250, 250),
        "cream": (250, 232, 196),
    }
)


def nearest(rgb: RGB) -> str:
    """The name of the palette colour closest to ``rgb``.

    Distance is the "redmean" approximation of perceived difference
    (compuphase.com/cmetric.htm), which needs no colour-space conversion.
    """
    return min(COLOURS, key=lambda name: distance(rgb, COLOURS[name]))


def distance(a: RGB, b: RGB) -> float:
    """Perceived difference of two colours; 0 for equal ones, about 765 for black and white."""
    red = (a[0] + b[0]) / 2
    dr, dg, db = (a[0] - b[0]) ** 2, (a[1] - b[1]) ** 2, (a[2] - b[2]) ** 2
    return float(((2 + red / 256) * dr + 4 * dg + (2 + (255 - red) / 256) * db) ** 0.5)


def apart(a: str, b: str) -> bool:
    """Whether two named colours can be told apart at a glance."""
    return distance(COLOURS[a], COLOURS[b]) > 130
