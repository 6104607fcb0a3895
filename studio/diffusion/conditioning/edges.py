"""Edge detection for ControlNets: white lines on black."""

from typing import Final

import numpy as np
from PIL import Image, ImageFilter, ImageOps

_STRONG: Final = 0.2  # share of the steepest gradient at which a line begins
_WEAK: Final = 0.1  # and down to which it continues
_FINE: Final = 1.4  # pixels of blur
_COARSE: Final = 4.0  # the same, in a picture of 512
_INK: Final = 17.0  # of 255: what a line of one pixel, blurred, has 2.5 pixels beside it
_SECTORS: Final = ((0, 1), (1, 1), (1, 0), (1, -1))  # rows and columns to a neighbour, in steps of 45 degrees


def canny(picture: Image.Image, blur: float = _FINE) -> Image.Image:
    """Edges one pixel wide (Canny 1986): ridges of the gradient, followed from the strong to the weak.

    The thresholds are shares of the steepest gradient in the picture, so pale pictures have lines too. A picture
    without any gradient has none.
    """
    levels = _blurred(np.asarray(picture.convert("L"), np.float32), blur)
    down, across = np.gradient(np.pad(levels, 1, mode="edge"))
    slope = np.hypot(down, across)
    ridge = np.where(_ridges(slope, down, across), slope, 0)[1:-1, 1:-1]
    if slope.max() < 1:  # of 255 levels, from one pixel to the next
        return Image.new("RGB", picture.size)
    found = _hysteresis(ridge >= _STRONG * slope.max(), ridge >= _WEAK * slope.max())
    return Image.fromarray((found * 255).astype(np.uint8)).convert("RGB")


def scribble(picture: Image.Image) -> Image.Image:
    """The main edges as pen strokes, about 1 % of the picture wide."""
    scale = max(picture.size) / 512
    thin = canny(picture, _COARSE * scale)
    ink = np.asarray(thin.convert("L").filter(ImageFilter.GaussianBlur(1.5 * scale)))
    return Image.fromarray(((ink > _INK / scale) * 255).astype(np.uint8)).convert("RGB")


def inverted(picture: Image.Image) -> Image.Image:
    """A drawing with dark lines on a light background as light lines on black; light lines stay as they are."""
    levels = ImageOps.autocontrast(picture.convert("L"))
    light = np.median(np.asarray(levels)) > 127
    return (ImageOps.invert(levels) if light else levels).convert("RGB")


def _blurred(levels: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur in floating point: rounded levels would have ridges on every gradient."""
    reach = int(3 * sigma) + 1
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype(np.float32)
    for _ in ("down", "across"):
        padded, height = np.pad(levels, ((reach, reach), (0, 0)), mode="edge"), len(levels)
        levels = np.zeros_like(levels)
        for n, weight in enumerate(weights / weights.sum()):
            levels += weight * padded[n : n + height]
        levels = levels.T
    return levels


def _ridges(slope: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Non-maximum suppression: the gradient exceeds that on one side of the line and is not below the other."""
    eighth = np.round(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    ridge = np.zeros(slope.shape, bool)
    for sector, (row, column) in enumerate(_SECTORS):
        ahead, behind = (np.roll(slope, (sign * row, sign * column), (0, 1)) for sign in (-1, 1))
        ridge |= (eighth == sector) & (slope >= ahead) & (slope > behind)
    return ridge


def _hysteresis(strong: np.ndarray, weak: np.ndarray) -> np.ndarray:
    """The strong pixels, and all weak ones that are connected to them."""
    width = strong.shape[1] + 2
    left, found = set(np.flatnonzero(np.pad(weak, 1)).tolist()), np.zeros((strong.shape[0] + 2) * width, bool)
    todo = np.flatnonzero(np.pad(strong, 1)).tolist()
    near = [row * width + column for row in (-1, 0, 1) for column in (-1, 0, 1)]
    while todo:
        found[place := todo.pop()] = True
        more = [place + step for step in near if place + step in left]
        left.difference_update(more)
        todo += more
    return found.reshape(-1, width)[1:-1, 1:-1]
