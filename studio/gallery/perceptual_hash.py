"""How a picture looks, in 384 bytes, so that those that look alike are found.

Its brightness on a grid of 16 by 16, then its two colours (Cb, Cr of JPEG) on grids of 8 by 8. Flat graphics are told
by colour as much as by form, and the hashes that are usual for photographs are noise on an even ground. Resized and
recompressed copies hardly move.
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
"""Further apart than that, pictures do not look alike: among 400 drawings of Spark's the next one is as far as that."""

_FULL: Final = float(np.sqrt(16 * 16)) * 255 / 100  # what black and white are apart, as a hundredth


def of(image: Image.Image) -> bytes:
    """The looks of a picture, on white where it is transparent."""
    bright, *colours = on_ground(image).convert("YCbCr").split()
    grids = [bright.resize(_FINE, Image.Resampling.BOX)]
    grids += [colour.resize(_COARSE, Image.Resampling.BOX) for colour in colours]
    return b"".join(grid.tobytes() for grid in grids)


def distances(one: bytes, others: Sequence[bytes]) -> npt.NDArray[np.float32]:
    """How far each of ``others`` is from ``one``: 0 for the same looks, 100 from black to white."""
    apart = np.frombuffer(b"".join(others), np.uint8).reshape(-1, LENGTH).astype(np.float32)
    apart -= np.frombuffer(one, np.uint8)
    apart *= _WEIGHTS
    found: npt.NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", apart, apart)) / np.float32(_FULL)
    return found
