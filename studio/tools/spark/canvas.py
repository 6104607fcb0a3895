"""A picture in unit coordinates: the short side is 1, edges are antialiased."""

from collections.abc import Iterable
from math import cos, sin
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from studio.tools.spark.palette import RGB
from studio.tools.spark.shapes import Point, Ring, Silhouette

CELL: Final = 1 / 32
"""Everything in a drawing is aligned to a lattice of 32 cells to the short side, like icons to a pixel grid.

At 256×256 a cell is one latent of the autoencoder, so an icon moved by a cell has the same latents, moved by one.
That makes shapes much easier to learn, and edges sharp.
"""

_FINE = 4  # supersampling factor of masks, for antialiasing


class Canvas:
    """An RGB picture of ``size`` pixels that is painted through masks.

    Coordinates are in units of the short side: a square picture spans 0 to 1 in both directions, a picture
    of 512×256 spans 0 to 2 in x.
    """

    def __init__(self, size: tuple[int, int], background: RGB) -> None:
        self.image = Image.new("RGB", size, background)
        self.unit = min(size)
        self.width, self.height = size[0] / self.unit, size[1] / self.unit

    def mask(self, rings: Iterable[Ring]) -> Image.Image:
        """The rings as a supersampled mask (mode L)."""
        fine = Image.new("L", (self.image.width * _FINE, self.image.height * _FINE), 0)
        pen = ImageDraw.Draw(fine)
        scale = self.unit * _FINE
        for ring in rings:
            points = [(round(x * scale, 2), round(y * scale, 2)) for x, y in ring.points]  # the same wherever it stands
            pen.polygon(points, fill=0 if ring.hole else 255)
        return fine

    def fill(self, colour: RGB, rings: Iterable[Ring]) -> None:
        """Fill the rings with one colour."""
        self.stamp(colour, self.mask(rings))

    def stamp(self, colour: RGB, fine: Image.Image) -> None:
        """Paint a colour through a supersampled mask."""
        self.image.paste(colour, mask=fine.reduce(_FINE))

    def outline(self, fine: Image.Image, width: float) -> Image.Image:
        """The inner edge of a supersampled mask, about ``width`` short sides thick.

        Blurring and then keeping only nearly full pixels shrinks the mask: at a straight edge by 2.3 standard
        deviations, and at corners nearly as far, so that they stay sharp.
        """
        sigma = width * self.unit * _FINE / 2.3
        box = _grown(fine.getbbox(), round(3 * sigma), fine.size)
        inner = fine.crop(box).filter(ImageFilter.GaussianBlur(sigma)).point(lambda v: 255 * (v > 253))
        edge = fine.copy()
        edge.paste(0, box, inner)
        return edge


def _grown(box: tuple[int, int, int, int] | None, by: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box or (0, 0, *size)
    return max(0, left - by), max(0, top - by), min(size[0], right + by), min(size[1], bottom + by)


def place(silhouette: Silhouette, centre: Point, radius: float, turn: float = 0) -> list[Ring]:
    """The silhouette moved to ``centre``, ``radius`` short sides large, turned by radians."""
    c, s = cos(turn) * radius, sin(turn) * radius
    cx, cy = centre
    return [
        Ring(tuple((cx + c * x - s * y, cy + s * x + c * y) for x, y in ring.points), ring.hole) for ring in silhouette
    ]


def snap(value: float) -> float:
    """The lattice line nearest to ``value``, both in units of the short side."""
    return round(value / CELL) * CELL


def box(left: float, top: float, right: float, bottom: float) -> Ring:
    """An upright rectangle."""
    return Ring(((left, top), (right, top), (right, bottom), (left, bottom)))
