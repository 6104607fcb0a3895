"""How exact a picture is: how straight its edges are and how smooth its gradients.

Outlines are located between pixels: where two neighbouring pixels are mostly ground and mostly ink, by linear
interpolation. A drawing is within about 0.3 pixels of its silhouette.
"""

from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from studio.tools.spark.canvas import place
from studio.tools.spark.recogniser import colours
from studio.tools.spark.shapes import SHAPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MEASURED: Final = ("square", "circle", "star")
_WINDOW: Final = 16  # pixels on each side that a pixel is compared with
_NO_OUTLINE: Final = 64.0  # the deviation, in pixels, of a picture without any outline


def outline_deviation(image: Image.Image, shape: str) -> float:
    """The mean distance, in pixels, between the outline in the picture and the silhouette that fits it best.

    Position, size and rotation are fitted. The result is the greater of two means: from the picture's outline to the
    silhouette, and from the silhouette to the picture's outline, so that a missing tip counts as well.
    """
    outline = _outline(image)
    if len(outline) < 16:
        return _NO_OUTLINE
    (left, top), (right, bottom) = outline.min(0), outline.max(0)
    fit = [(left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top) / 2, 0.0]
    for step in (4.0, 2.0, 1.0, 0.5, 0.25, 0.1):
        _descend(outline[::3], shape, fit, step)
    return round(max(_to_silhouette(outline, shape, fit), _to_outline(outline, shape, fit)), 2)


def _descend(outline: "Array", shape: str, fit: list[float], step: float) -> None:
    """Change ``fit`` by ``step`` pixels, one number after another, as long as the distance decreases."""
    best = _to_silhouette(outline, shape, fit)
    steps = (step, step, step, step / fit[2])  # a rotation moves the tips by ``step``
    improved = True
    while improved:
        improved = False
        for n, sign in ((n, sign) for n in range(4) for sign in (-1, 1)):
            trial = [value + sign * steps[n] * (k == n) for k, value in enumerate(fit)]
            if (distance := _to_silhouette(outline, shape, trial)) < best - 1e-4:
                fit[:], best, improved = trial, distance, True


def _sides(shape: str, fit: list[float]) -> tuple["Array", "Array"]:
    """Where each side of the silhouette starts, and the vector along it; (n, 2) each."""
    import numpy as np

    x, y, radius, turn = fit
    corners = np.array(place(SHAPES[shape](), (x, y), radius, turn)[0].points)
    return corners, np.roll(corners, -1, 0) - corners


def _to_silhouette(outline: "Array", shape: str, fit: list[float]) -> float:
    """The mean distance from points of the outline to the nearest side."""
    import numpy as np

    starts, sides = _sides(shape, fit)
    away = outline[:, None] - starts
    along = ((away * sides).sum(2) / np.maximum((sides**2).sum(1), 1e-9)).clip(0, 1)
    return float(np.linalg.norm(away - along[..., None] * sides, axis=2).min(1).mean())


def _to_outline(outline: "Array", shape: str, fit: list[float]) -> float:
    """The mean distance from points along the silhouette to the nearest point of the outline."""
    import numpy as np

    starts, sides = _sides(shape, fit)
    shares = np.linspace(0, 1, max(2, 192 // len(starts)), endpoint=False)[:, None, None]
    points = (starts + shares * sides).reshape(-1, 2)
    return float(np.linalg.norm(points[:, None] - outline, axis=2).min(1).mean())


def _outline(image: Image.Image) -> "Array":
    """Points (n, 2) in pixels, with pixel centres at halves, where the picture changes from ground to ink."""
    import numpy as np

    ground, ink = (np.array(colour, float) for colour in colours(image))
    axis = (ink - ground) / max(float(((ink - ground) ** 2).sum()), 1.0)
    coverage = (np.asarray(image.convert("RGB")).astype(float) - ground) @ axis - 0.5
    points = []
    for steps, flipped in ((coverage, False), (coverage.T, True)):
        rows, columns = np.nonzero((steps[:, :-1] > 0) != (steps[:, 1:] > 0))
        here, there = steps[rows, columns], steps[rows, columns + 1]
        found = np.stack([columns + 0.5 + here / (here - there), rows + 0.5], 1)
        points.append(found[:, ::-1] if flipped else found)
    return np.concatenate(points)


def local_deviation(image: Image.Image) -> float:
    """The mean deviation of pixels from the 33×33 around them, in levels of 255; below 1 for a smooth gradient.

    The windows are about as wide as the spots of a mottled picture, which are several latents of 8 pixels large. The
    border, where no full window fits, is left out.
    """
    import numpy as np

    pixels = np.asarray(image.convert("RGB")).astype(float)
    size, inner = 2 * _WINDOW + 1, slice(_WINDOW, -_WINDOW)
    means = pixels
    for axis in (0, 1):
        means = np.lib.stride_tricks.sliding_window_view(means, size, axis=axis).mean(-1)
    return round(float(np.abs(pixels[inner, inner] - means).mean()), 2)
