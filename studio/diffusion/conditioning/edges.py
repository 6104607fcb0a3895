"""Lines in pictures, white on black."""

from typing import Final

import numpy as np
from PIL import Image, ImageFilter, ImageOps

_STRONG: Final = 0.2  # share of the steepest slope at which a line begins
_WEAK: Final = 0.1  # as far as it goes on
_FINE: Final = 1.4  # pixels of blur
_COARSE: Final = 4.0  # the same, in a picture of 512
_INK: Final = 17.0  # of 255: what a line of one pixel, blurred, has 2.5 pixels beside it
_PRECISION: Final = 16  # OpenCV takes slopes as whole numbers


def canny(picture: Image.Image, blur: float = _FINE) -> Image.Image:
    """Edges one pixel wide (Canny 1986), by OpenCV, as ControlNets were trained on.

    The thresholds are shares of the steepest slope in the picture, so pale pictures have lines too; a picture without
    any slope has none.
    """
    import cv2

    levels = np.asarray(picture.convert("L"), np.float32)
    blurred = cv2.GaussianBlur(levels, (0, 0), blur, borderType=cv2.BORDER_REPLICATE)
    down, across = np.gradient(np.pad(blurred, 1, mode="edge"))
    steepest = float(np.hypot(across, down).max())
    if steepest < 1:  # of 255 levels, from one pixel to the next
        return Image.new("RGB", picture.size)
    dx, dy = (np.rint(slope * _PRECISION).astype(np.int16) for slope in (across, down))
    weak, strong = (share * steepest * _PRECISION for share in (_WEAK, _STRONG))
    found = np.asarray(cv2.Canny(dx, dy, weak, strong, L2gradient=True))
    return Image.fromarray(found[1:-1, 1:-1]).convert("RGB")


def scribble(picture: Image.Image) -> Image.Image:
    """The main edges as strokes of a pen, about 1 % of the picture wide."""
    scale = max(picture.size) / 512
    thin = canny(picture, _COARSE * scale)
    ink = np.asarray(thin.convert("L").filter(ImageFilter.GaussianBlur(1.5 * scale)))
    return Image.fromarray(((ink > _INK / scale) * 255).astype(np.uint8)).convert("RGB")


def inverted(picture: Image.Image) -> Image.Image:
    """A drawing with dark lines on light ground as light lines on black; the other way round it stays."""
    levels = ImageOps.autocontrast(picture.convert("L"))
    light = np.median(np.asarray(levels)) > 127
    return (ImageOps.invert(levels) if light else levels).convert("RGB")
