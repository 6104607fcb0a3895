"""A perceptual hash of 384 bytes, to find pictures that look alike.

It is the brightness on a grid of 16 by 16, then the two colour channels (Cb, Cr of JPEG) on grids of 8 by 8. Flat
graphics differ in colour as much as in shape, and the usual hashes for photographs are noise on an even background.
Resizing and recompressing hardly change it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from studio.images.transparency import on_ground

_FINE, _COARSE = (16, 16), (8, 8)
LENGTH: Final = 16 * 16 + 2 * 8 * 8
_WEIGHTS: Final = np.repeat(np.array([1, 2], np.float32), [16 * 16, 2 * 8 * 8])
ALIKE: Final = 12.0
"""The largest distance of similar pictures: among 400 drawings by Spark, neighbours are that far apart."""

_FULL: Final = float(np.sqrt(16 * 16)) * 255 / 100  # a hundredth of the distance from black to white


def of(image: Image.Image) -> bytes:
    """The hash of a picture, on white if it is transparent."""
    bright, *colours = on_ground(image).convert("YCbCr").split()
    grids = [bright.resize(_FINE, Image.Resampling.BOX)]
    grids += [colour.resize(_COARSE, Image.Resampling.BOX) for colour in colours]
    return b"".join(grid.tobytes() for grid in grids)


def distances(one: bytes, others: Sequence[bytes]) -> npt.NDArray[np.float32]:
    """The distance of each of ``others`` from ``one``: 0 if they look the same, 100 from black to white."""
    apart = np.frombuffer(b"".join(others), np.uint8).reshape(-1, LENGTH).astype(np.float32)
    apart -= np.frombuffer(one, np.uint8)
    apart *= _WEIGHTS
    found: npt.NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", apart, apart)) / np.float32(_FULL)
    return found
