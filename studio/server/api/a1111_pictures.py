"""Prepares start pictures and masks as A1111 does: inverts, blurs, resizes and fills them."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from studio.errors import InputError
from studio.parameters.types import Size
from studio.server.api import start_pictures
from studio.server.api.a1111_requests import Img2ImgRequest

_MAX_BLUR: Final = 256.0
_DETAIL: Final = 1024  # pixels across, enough for blurred colours
_RADII: Final = (256, 64, 16, 4, 2)  # of blur, in pixels, from the far to the near surroundings


class StartPicture(NamedTuple):
    """A start picture as given or as an id in the output folder, the id of its mask, and the requested size."""

    image: str
    mask: str | None
    size: Size | None


def start(request: Img2ImgRequest, output: Path, native: Size) -> StartPicture:
    """The start picture of a request; ``native`` is the model's native size.

    Raises InputError about a field that is wrong or not supported.
    """
    if not request.init_images or len(request.init_images) != 1:
        raise InputError.about("init_images", "give one picture, as base64 in a list")
    image = given = start_pictures.read(request.init_images[0], "init_images", output)
    mask = _mask(request, image, output) if request.mask else None
    size = _size(request)
    if size and not (mask and request.only_masked):  # only_masked keeps the size of the picture
        resize = _resize_function(request.resize_mode or 0)
        image, mask = resize(image, size), resize(mask, size) if mask else None
    if mask:
        _check_context(request, image, native)
        image = _filled(request, image, mask)
    same = request.init_images[0] if image is given else start_pictures.kept(image, output)
    return StartPicture(same, start_pictures.kept(mask, output) if mask else None, size)


def _check_context(request: Img2ImgRequest, image: Image.Image, native: Size) -> None:
    """Raise InputError if the model should see the whole picture, but would see only the area around the mask."""
    if request.inpaint_full_res is False and (image.width > native.width or image.height > native.height):
        raise InputError.about(
            "inpaint_full_res",
            f"in a picture larger than {native} the model only sees the area around the mask; leave it out",
        )


def _mask(request: Img2ImgRequest, image: Image.Image, output: Path) -> Image.Image:
    """The mask in grayscale, white where the picture is repainted, or where a transparent mask is opaque."""
    given = start_pictures.read(request.mask or "", "mask", output)
    mask = given.getchannel("A") if start_pictures.is_transparent(given) else given.convert("L")
    mask = ImageOps.invert(mask) if request.inpainting_mask_invert else mask
    start_pictures.check_mask(mask, image)
    return mask.filter(ImageFilter.GaussianBlur(blur)) if any(blur := _blur(request)) else mask


def _blur(request: Img2ImgRequest) -> tuple[float, float]:
    """The horizontal and vertical blur of the mask, in pixels."""
    both = request.mask_blur or 0.0
    across, down = (both if side is None else side for side in (request.mask_blur_x, request.mask_blur_y))
    if not 0 <= min(across, down) <= max(across, down) <= _MAX_BLUR:
        raise InputError.about("mask_blur", f"give 0 to {_MAX_BLUR:g} pixels")
    return across, down


def _size(request: Img2ImgRequest) -> Size | None:
    try:
        return Size.parse(request.size) if request.size else None
    except ValueError as error:
        raise InputError.about("width", str(error)) from None


def _resize_function(mode: int) -> Callable[[Image.Image, Size], Image.Image]:
    """The function for A1111's resize mode."""
    modes = {0: _stretched, 1: start_pictures.covering, 2: _within}
    if mode not in modes:
        raise InputError.about("resize_mode", "0 stretches, 1 crops and 2 fills the edges; latents cannot be resized")
    return modes[mode]


def _stretched(image: Image.Image, size: Size) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS)


def _within(image: Image.Image, size: Size) -> Image.Image:
    """The whole picture in the centre; its edge pixels fill the rest."""
    inner = ImageOps.contain(image, size, Image.Resampling.LANCZOS)
    left, above = (size.width - inner.width) // 2, (size.height - inner.height) // 2
    sides = [(above, size.height - inner.height - above), (left, size.width - inner.width - left)]
    pixels = np.asarray(inner)
    return Image.fromarray(np.pad(pixels, [*sides, (0, 0)][: pixels.ndim], mode="edge"))


def _filled(request: Img2ImgRequest, image: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture, prepared under the mask by ``inpainting_fill``: 1 keeps it, 0 fills it with surrounding colours.

    Noise (2) and nothing (3) are the same as a strength of 1, which keeps nothing of the original.
    """
    fill = request.inpainting_fill
    if fill in (None, 1) or (fill in (0, 2, 3) and request.denoising_strength in (None, 1)):
        return image
    if fill != 0:
        raise InputError.about(
            "inpainting_fill", "give 0 for the surrounding colours or 1 for the original; 2 and 3 need "
            "denoising_strength 1",
        )  # fmt: skip
    inside = mask.point(lambda level: 255 if level >= 128 else 0)
    return Image.composite(_surroundings(image, inside).convert(image.mode), image, inside)


def _surroundings(image: Image.Image, inside: Image.Image) -> Image.Image:
    """The picture with the white area of ``inside`` filled by blurred colours from around it."""
    known = image.convert("RGBA")
    known.putalpha(ImageChops.subtract(known.getchannel("A"), inside))
    known.thumbnail((_DETAIL, _DETAIL))
    known, filled = known.convert("RGBa"), Image.new("RGBA", known.size)
    for radius in _RADII:
        blurred = known.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
        filled.alpha_composite(_opaque(blurred) if radius == max(_RADII) else blurred)
    return filled.convert("RGB").resize(image.size, Image.Resampling.BILINEAR)


def _opaque(image: Image.Image) -> Image.Image:
    """The picture without transparency."""
    return image.convert("RGB").convert("RGBA")
