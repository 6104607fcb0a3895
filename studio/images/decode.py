"""Converts decoded picture files to upright 8-bit sRGB."""

import io
import struct
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

from studio.errors import InputError

_ORIENTATION: Final = 0x0112  # EXIF 2.32, 4.6.4; each value with what turns the picture upright
_TURNS: Final = MappingProxyType({
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
})  # fmt: skip
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF 6.0
_DAMAGED: Final = (SyntaxError, ValueError, KeyError, TypeError, OSError, EOFError, struct.error)


def standard(image: Image.Image, name: str) -> Image.Image:
    """The picture upright (EXIF), in sRGB, 8 bits a channel: RGB, or RGBA if any of it may be transparent.

    16-bit and 12-bit gray are scaled by their full range; floats from 0 to 1, or to the largest value if that is more;
    32-bit integers from 0 to 255, or to the largest value. An ICC profile is applied; one that is damaged or does not
    suit the picture is ignored, as browsers do. Of ``info`` only the texts are kept. Raises InputError about ``name``
    if values are not finite.
    """
    upright = _upright(image)
    levels = _scaled(upright, _tags(image), name) if upright.mode[0] in "IF" else _without_alpha(upright)
    made = _in_srgb(levels, image.info.get("icc_profile"))
    if upright.has_transparency_data:
        made.putalpha(_alpha(upright))
    made.info = {key: text for key, text in image.info.items() if isinstance(text, str)}
    return made


def _upright(image: Image.Image) -> Image.Image:
    turn = None
    with suppress(*_DAMAGED):
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


def _tags(image: Image.Image) -> Mapping[int, Any]:
    return image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}


def _scaled(image: Image.Image, tags: Mapping[int, Any], name: str) -> Image.Image:
    """8-bit gray from gray with more bits, without clipping."""
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise InputError(f"'{name}' has values that are not finite (NaN or infinite); save it without them")
    if image.mode == "I" and tags.get(_SAMPLE_FORMAT, (1,)) == (1,):  # Pillow reads unsigned numbers as signed ones
        values = values.view(np.uint32)
    whitest = {"I": 255.0, "F": 1.0}.get(image.mode, float(2 ** tags.get(_BITS, (16,))[0] - 1))
    black, white = min(0.0, float(values.min())), max(whitest, float(values.max()))
    levels = (values.astype(np.float32) - black) * (255 / (white - black))
    if tags.get(_PHOTOMETRIC) == 0:  # white is zero
        levels = 255 - levels
    return Image.fromarray(levels.round().astype(np.uint8))


def _without_alpha(image: Image.Image) -> Image.Image:
    """The colours without alpha, including those of transparent pixels, in a mode that an ICC profile can apply to."""
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    if image.mode in ("P", "PA", "RGBa"):
        return image.convert("RGBA").convert("RGB")
    return image.convert("L" if image.mode in ("1", "LA") else "RGB")


def _alpha(image: Image.Image) -> Image.Image:
    """The opacity of each pixel, 0 to 255; in a PNG one colour may be declared transparent."""
    clear = image.info.get("transparency")
    if image.mode.startswith("I"):
        return Image.fromarray(np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8))
    if isinstance(clear, tuple) and max(clear) > 255:  # a 16-bit colour; Pillow keeps 8 bits of the pixels
        image = image.copy()
        image.info["transparency"] = tuple(level >> 8 for level in clear)
    return image.convert("RGBA").getchannel("A")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    with suppress(ImageCms.PyCMSError, *_DAMAGED):
        if transform := _transform(image.mode, profile):
            return image.convert("RGB") if _changes_nothing(transform, image.mode) else _applied(transform, image)
    return image.convert("RGB")


def _transform(mode: str, profile: bytes | None) -> ImageCms.ImageCmsTransform | None:
    """The transform from the profile, or from CIE L*a*b*, to sRGB."""
    if not profile and mode != "LAB":
        return None
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
    return ImageCms.buildTransform(
        given, ImageCms.createProfile("sRGB"), mode, "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )  # fmt: skip


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether the transform is the identity except for rounding: such pictures keep every bit."""
    if mode not in ("L", "RGB"):
        return False
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, len(steps), 3)
    probe = Image.fromarray(colours).convert(mode)
    apart = np.asarray(_applied(transform, probe)).astype(int) - np.asarray(probe.convert("RGB"))
    return bool(np.abs(apart).max() <= 1)


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    return ImageCms.applyTransform(image, transform) or image  # None only if applied in place
