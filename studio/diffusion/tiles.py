"""A large picture changed tile by tile, each of the model's size."""

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image

from studio.parameters.types import Size

Box = tuple[int, int, int, int]
Change = Callable[[int, int, Image.Image], Image.Image]
_OVERLAP: Final = 0.25


def boxes(whole: Size, tile: Size) -> list[Box]:
    """Boxes of one size that cover the picture, each overlapping its neighbours by a quarter or more."""
    lefts, tops = (_starts(w, t) for w, t in zip(whole, tile, strict=True))
    return [(left, top, left + tile.width, top + tile.height) for top in tops for left in lefts]


def by_tiles(image: Image.Image, tile: Size, change: Change) -> Image.Image:
    """The picture with ``change`` applied to each tile and the overlaps blended.

    ``change`` is called with a tile's number, the number of tiles, and the tile.
    """
    grown = _grown(image, tile)
    places = boxes(Size(*grown.size), tile)
    weight = _feather(tile)
    total = np.zeros((grown.height, grown.width, 4))
    for n, (left, top, right, bottom) in enumerate(places):
        made = change(n, len(places), grown.crop((left, top, right, bottom)))
        total[top:bottom, left:right, :3] += np.asarray(made) * weight
        total[top:bottom, left:right, 3:] += weight
    mixed = (total[..., :3] / total[..., 3:]).round().astype(np.uint8)
    return Image.fromarray(mixed).crop((0, 0, *image.size))


def _starts(whole: int, tile: int) -> list[int]:
    """Evenly spaced, the first at the beginning and the last at the end."""
    count = 1 if whole <= tile else 1 + -(-(whole - tile) // int(tile * (1 - _OVERLAP)))
    return [round(n * (whole - tile) / max(1, count - 1)) for n in range(count)]


def _grown(image: Image.Image, tile: Size) -> Image.Image:
    """At least as large as a tile, by repeating the last row and column."""
    right, below = max(0, tile.width - image.width), max(0, tile.height - image.height)
    return Image.fromarray(np.pad(np.asarray(image.convert("RGB")), ((0, below), (0, right), (0, 0)), mode="edge"))


def _feather(tile: Size) -> np.ndarray:
    """The weight of each pixel of a tile: less towards its edges, never zero."""
    across, down = (np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2 + 1e-3 for side in tile)
    return (down[:, None] * across[None, :])[..., None]
