"""Start pictures and masks, made into what A1111 would begin with: inverted, blurred, resized and filled as asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from studio.errors import InputError
from studio.parameters.types import Size
from studio.server.api import start_pictures
from studio.server.api.a1111_requests import AskedOfPicture

_MOST_BLUR: Final = 256.0
_DETAIL: Final = 1024  # pixels across, enough for colours that are blurred
_RADII: Final = (256, 64, 16, 4, 2)  # of blur, pixels: colours come from ever nearer around what is filled


class Start(NamedTuple):
    """A start picture as it came or by its id in the output folder, its mask's id, and the size if one is asked for."""

    image: str
    mask: str | None
    size: Size | None


def start(asked: AskedOfPicture, output: Path, native: Size) -> Start:
    """What a request begins with; ``native`` is the model's own size.

    Raises InputError that names the field where a picture or its treatment is wrong or cannot be had here.
    """
    if not asked.init_images or len(asked.init_images) != 1:
        raise InputError.about("init_images", "give one picture, as base64 in a list")
    image = given = start_pictures.read(asked.init_images[0], "init_images", output)
    mask = _mask(asked, image, output) if asked.mask else None
    size = _size(asked)
    if size and not (mask and asked.only_masked):  # which draws around the mask, and leaves the picture its size
        fit = _resizing(asked.resize_mode or 0)
        image, mask = fit(image, size), fit(mask, size) if mask else None
    if mask:
        _check_context(asked, image, native)
        image = _filled(asked, image, mask)
    same = asked.init_images[0] if image is given else start_pictures.kept(image, output)
    return Start(same, start_pictures.kept(mask, output) if mask else None, size)


def _check_context(asked: AskedOfPicture, image: Image.Image, native: Size) -> None:
    """Raise InputError where the model shall look at all of a picture and would look around the mask alone."""
    if asked.inpaint_full_res is False and (image.width > native.width or image.height > native.height):
        raise InputError.about(
            "inpaint_full_res", f"of a picture larger than {native} the model looks around the mask alone; leave it out"
        )


def _mask(asked: AskedOfPicture, image: Image.Image, output: Path) -> Image.Image:
    """Gray, white where the picture is drawn anew; what is opaque in a transparent one counts as white."""
    given = start_pictures.read(asked.mask or "", "mask", output)
    mask = given.getchannel("A") if start_pictures.is_transparent(given) else given.convert("L")
    mask = ImageOps.invert(mask) if asked.inpainting_mask_invert else mask
    start_pictures.check_mask(mask, image)
    return mask.filter(ImageFilter.GaussianBlur(blur)) if any(blur := _blur(asked)) else mask


def _blur(asked: AskedOfPicture) -> tuple[float, float]:
    """How far the mask is blurred across and down, in pixels."""
    both = asked.mask_blur or 0.0
    across, down = (both if side is None else side for side in (asked.mask_blur_x, asked.mask_blur_y))
    if not 0 <= min(across, down) <= max(across, down) <= _MOST_BLUR:
        raise InputError.about("mask_blur", f"give 0 to {_MOST_BLUR:g} pixels")
    return across, down


def _size(asked: AskedOfPicture) -> Size | None:
    try:
        return Size.parse(asked.size) if asked.size else None
    except ValueError as error:
        raise InputError.about("width", str(error)) from None


def _resizing(mode: int) -> Callable[[Image.Image, Size], Image.Image]:
    """How A1111's resize mode makes a picture of a size."""
    modes = {0: _stretched, 1: start_pictures.covering, 2: _within}
    if mode not in modes:
        raise InputError.about(
            "resize_mode", "0 stretches, 1 crops and 2 fills the edges; latents are not resized here"
        )
    return modes[mode]


def _stretched(image: Image.Image, size: Size) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS)


def _within(image: Image.Image, size: Size) -> Image.Image:
    """The whole picture, in the middle; its edges go on into what is left over."""
    inner = ImageOps.contain(image, size, Image.Resampling.LANCZOS)
    left, above = (size.width - inner.width) // 2, (size.height - inner.height) // 2
    sides = [(above, size.height - inner.height - above), (left, size.width - inner.width - left)]
    pixels = np.asarray(inner)
    return Image.fromarray(np.pad(pixels, [*sides, (0, 0)][: pixels.ndim], mode="edge"))


def _filled(asked: AskedOfPicture, image: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with what is under the mask as ``inpainting_fill`` asks: 1 as it is, 0 the colours around it.

    Noise (2) and nothing (3) are the same as a strength of 1, by which nothing is left of what was there.
    """
    fill = asked.inpainting_fill
    if fill in (None, 1) or (fill in (0, 2, 3) and asked.denoising_strength in (None, 1)):
        return image
    if fill != 0:
        raise InputError.about(
            "inpainting_fill", "give 0 for the colours around the mask or 1 for what is there; 2 and 3 need "
            "denoising_strength 1",
        )  # fmt: skip
    inside = mask.point(lambda level: 255 if level >= 128 else 0)
    return Image.composite(_surroundings(image, inside).convert(image.mode), image, inside)


def _surroundings(image: Image.Image, inside: Image.Image) -> Image.Image:
    """The colours around the white of ``inside``, which grow into it."""
    known = image.convert("RGBA")
    known.putalpha(ImageChops.subtract(known.getchannel("A"), inside))
    known.thumbnail((_DETAIL, _DETAIL))
    known, filled = known.convert("RGBa"), Image.new("RGBA", known.size)
    for radius in _RADII:
        blurred = known.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        filled.alpha_composite(_opaque(blurred) if radius == max(_RADII) else blurred)
    return filled.convert("RGB").resize(image.size, Image.Resampling.BILINEAR)


def _opaque(image: Image.Image) -> Image.Image:
    """The same colours without transparency."""
    return image.convert("RGB").convert("RGBA")
