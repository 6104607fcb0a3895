"""Recognises what a flat picture shows: colours from its pixels, shape and count by matching drawings.

The reference drawings come from the same code as the training data and are processed in the same way, so a
style that splits a shape into parts (stripes, outlines) splits both alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFilter

from studio.tools.spark.draw import paint
from studio.tools.spark.icons import icon_radius
from studio.tools.spark.labels import PATTERNS, Truth
from studio.tools.spark.palette import RGB, nearest
from studio.tools.spark.shapes import SHAPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_EDGE = 32  # what a shape is scaled to before it is compared
_BORDER = 5
_SHIFT, _NEAR = 64, 48  # pixels that a pattern is shifted by at most, and the scale of the shifts' weights
_ALIKE = 0.85  # the lowest score of 200 drawings, of terrazzo, is 0.89
_TWICE = ((True, True), (True, True))
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class IconReading:
    """What a picture shows: colour names, and for icons the shape and the count."""

    colour: str
    background: str
    subject: str
    count: int


def read_icons(image: Image.Image, truth: Truth) -> IconReading:
    """Recognise a 256×256 picture of icons.

    Style, size and expected count of ``truth`` decide which drawings to compare with and how wide a gap
    within one icon may be; its shape and colours are not used.
    """
    ground, ink = colours(image)
    pieces = _pieces(_mask(image, ground), _gap(truth))
    if not pieces:
        return IconReading(nearest(ink), nearest(ground), "", 0)
    return IconReading(nearest(ink), nearest(ground), _shape(pieces, truth), len(pieces))


def read_pair(image: Image.Image, truth: Truth) -> tuple[str, str]:
    """The shapes on the left and on the right of a 256×256 picture of two different things, "" where there is none."""
    ground, _ = colours(image)
    mask = _mask(image, ground)
    middle = mask.shape[1] // 2
    sides = (_pieces(side, _gap(truth)) for side in (_half(mask, slice(middle)), _half(mask, slice(middle, None))))
    left, right = (_shape(pieces, truth) if pieces else "" for pieces in sides)
    return left, right


def _half(mask: "Array", columns: slice) -> "Array":
    """The mask without anything outside of ``columns``."""
    import numpy as np

    half: Array = np.zeros_like(mask)
    half[:, columns] = mask[:, columns]
    return half


def _shape(pieces: list["Array"], truth: Truth) -> str:
    """The shape that all pieces together match best, in the style of ``truth``."""
    key = replace(truth, subject="", second="", colour="black", background="white")
    scores = {shape: sum(max(_match(p, r) for r in refs) for p in pieces) for shape, refs in _references(key).items()}
    return max(scores, key=lambda shape: scores[shape])


def read_pattern(image: Image.Image) -> str:
    """The pattern whose repetition matches best, independent of its position; "" where none does."""
    repetition = _repetition(image)
    scores = {name: max(_match(repetition, r) for r in refs) for name, refs in _repetitions().items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > _ALIKE else ""


def colours(image: Image.Image) -> tuple[RGB, RGB]:
    """The median colour of the border, and that of the pixels that differ most from it."""
    import numpy as np

    pixels = np.asarray(image.convert("RGB")).astype(int)
    edge = [pixels[:_BORDER], pixels[-_BORDER:], pixels[:, :_BORDER], pixels[:, -_BORDER:]]
    ground = np.median(np.concatenate([part.reshape(-1, 3) for part in edge]), axis=0)
    difference = np.abs(pixels - ground).sum(2)
    far = difference > max(60, 0.6 * float(np.quantile(difference, 0.995)))
    ink = np.median(pixels[far], axis=0) if far.any() else ground
    return _rgb(ground), _rgb(ink)


def _rgb(values: "Array") -> RGB:
    r, g, b = (int(v) for v in values)
    return r, g, b


def _mask(image: Image.Image, ground: RGB) -> "Array":
    """True where a pixel is closer to the ink than to the ground."""
    import numpy as np

    pixels = np.asarray(image.convert("RGB")).astype(int)
    difference = np.abs(pixels - np.array(ground)).sum(2)
    mask: Array = difference > max(40, 0.5 * float(np.quantile(difference, 0.995)))
    return mask


def _gap(truth: Truth) -> int:
    """The widest gap, in pixels, that can be within one icon."""
    share = {"striped": 0.26}.get(truth.style, 0.14)
    return max(3, round(256 * icon_radius(truth) * share))


def _pieces(mask: "Array", gap: int) -> list["Array"]:
    """Each icon's part of the mask, scaled to a small square; small fragments are left out."""
    import numpy as np

    closed = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(gap // 2 * 2 + 1))
    parts = _parts(closed.resize((128, 128), Image.Resampling.NEAREST))
    greatest = max((int(part.sum()) for part in parts), default=0)
    return [_scaled(mask & np.kron(part, _TWICE)) for part in parts if part.sum() > 0.3 * greatest]


def _parts(closed: Image.Image) -> list["Array"]:
    """Connected parts as masks; a part in the bounding box of a larger one belongs to it."""
    import numpy as np

    found: list[tuple[Array, Box]] = []
    for part in sorted(_connected(closed), key=lambda part: -int(part.sum())):
        box = Image.fromarray(part).getbbox() or (0, 0, 0, 0)
        around = next((whole for whole, outer in found if _inside(box, outer)), None)
        if around is None:
            found.append((part, box))
        else:
            np.logical_or(around, part, out=around)
    return [part for part, _ in found]


def _inside(inner: Box, outer: Box) -> bool:
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def _connected(closed: Image.Image) -> Iterator["Array"]:
    """Connected parts, one mask each; a picture of more than sixty is noise."""
    import numpy as np

    canvas = closed.copy()
    for _ in range(60):
        before = np.asarray(canvas)
        rows, columns = np.nonzero(before == 255)
        if not len(rows):
            return
        ImageDraw.floodfill(canvas, (int(columns[0]), int(rows[0])), 0)
        yield before != np.asarray(canvas)


def _scaled(part: "Array") -> "Array":
    """The part in its bounding box, scaled to a small square, with mean 0 and norm 1."""
    import numpy as np

    image = Image.fromarray(part.astype(np.uint8) * 255)
    left, top, right, bottom = image.getbbox() or (0, 0, 1, 1)
    side, cx, cy = max(right - left, bottom - top) * 1.1, (left + right) / 2, (top + bottom) / 2
    square = image.crop((round(cx - side / 2), round(cy - side / 2), round(cx + side / 2), round(cy + side / 2)))
    small = np.asarray(square.resize((_EDGE, _EDGE), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.8)), float)
    small = small - small.mean()
    unit: Array = small / (float(np.linalg.norm(small)) or 1.0)
    return unit


def _match(a: "Array", b: "Array") -> float:
    return float((a * b).sum())


@cache
def _references(truth: Truth) -> dict[str, list["Array"]]:
    """The pieces of every shape, drawn in this style, count, size and place."""
    drawn = {shape: paint(replace(truth, subject=shape), Random(0)) for shape in SHAPES}
    return {shape: _pieces(_mask(image, colours(image)[0]), _gap(truth))[:1] for shape, image in drawn.items()}


def _repetition(image: Image.Image) -> "Array":
    """The autocorrelation of the ink for shifts of up to 64 pixels, short shifts weighted most, with norm 1."""
    import numpy as np

    ink = _ink(image)
    window = np.outer(np.hanning(ink.shape[0]), np.hanning(ink.shape[1]))
    power = np.abs(np.fft.fft2((ink - ink.mean()) * window)) ** 2  # its transform is the autocorrelation
    shifted = np.fft.fftshift(np.fft.ifft2(power).real)
    near = np.exp(-0.5 * (np.arange(-_SHIFT, _SHIFT + 1) / _NEAR) ** 2)
    cy, cx = shifted.shape[0] // 2, shifted.shape[1] // 2
    middle = shifted[cy - _SHIFT : cy + _SHIFT + 1, cx - _SHIFT : cx + _SHIFT + 1] * np.outer(near, near)
    unit: Array = middle / (float(np.linalg.norm(middle)) or 1.0)
    return unit


def _ink(image: Image.Image) -> "Array":
    """1 and -1 for the two sides of the colours' principal axis."""
    import numpy as np

    pixels = np.asarray(image.convert("RGB")).astype(float)
    flat = pixels.reshape(-1, 3) - pixels.reshape(-1, 3).mean(0)
    axis = np.linalg.svd(flat[::7], full_matrices=False)[2][0]
    ink: Array = np.sign((flat @ axis).reshape(pixels.shape[:2]))
    return ink


@cache
def _repetitions() -> dict[str, list["Array"]]:
    truths = {name: Truth("pattern", name, "black", "white") for name in PATTERNS}
    return {name: [_repetition(paint(truth, Random(seed))) for seed in range(40)] for name, truth in truths.items()}
