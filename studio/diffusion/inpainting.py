"""Inpainting: a part of a picture is redrawn, and the rest stays exactly as it was."""

from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

from studio.diffusion.engine import Engine
from studio.diffusion.images import fitting, gray_mask, resized
from studio.errors import InputError
from studio.images.transparency import on_ground
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.parameters.types import Size

Box = tuple[int, int, int, int]


def checked_mask(image: Image.Image, mask: str | Path | Image.Image) -> Image.Image:
    """The mask of an input, gray; where it is transparent, the picture stays.

    Raises InputError where its size is not the picture's, or it is black everywhere.
    """
    gray = gray_mask(mask)
    if gray.size != image.size:
        sizes = [f"{side.width}x{side.height}" for side in (gray, image)]
        raise _about_mask(f"the mask is {sizes[0]} and the picture {sizes[1]}; make them the same size")
    if gray.getbbox() is None:
        raise _about_mask("the mask is black everywhere; make white what should be repainted")
    return gray


def _about_mask(text: str) -> InputError:
    return InputError(text, {"mask": text})


def inpaint(
    engine: Engine,
    card: ModelCard,
    request: Request,
    *,
    image: Image.Image,
    mask: Image.Image,
    padding: int | None = None,
    native: Size | None = None,
) -> Image.Image:
    """The picture, repainted where the mask is white; gray blends, black stays to the bit, with its alpha.

    Only the surroundings of the mask go through the model, at the size ``native`` or its own, so a small place in a
    large picture is drawn as sharply as the rest. The surroundings are ``padding`` pixels on each side plus what the
    shape of that size needs, or half as much again where ``padding`` is None. The model sees a transparent picture on
    white; what it draws is opaque.
    """
    native = native or card.size
    box = _around(mask, native) if padding is None else _padded(mask, padding, native)
    size = fitting(Image.new("L", (box[2] - box[0], box[3] - box[1])), native, card.family.capabilities.size_multiple)
    whole = Size(*image.size)
    guide = request.guide.transformed(
        lambda picture: resized(resized(picture, whole).crop(box), size),
        lambda mask: mask.resize(whole).crop(box).resize(size),
    )
    inside, white = resized(on_ground(image.crop(box)), size), resized(mask.crop(box), size)
    inner = replace(request, width=size.width, height=size.height, image=inside, mask=white, guide=guide)
    return _put_back(image, mask, engine.denoise(card, inner), box)


def _around(mask: Image.Image, native: Size) -> Box:
    """What the model sees: the mask and half as much again, at least the model's own size, within the picture."""
    left, top, right, bottom = _painted(mask)
    width, height = max(native.width, (right - left) * 3 // 2), max(native.height, (bottom - top) * 3 // 2)
    return _grown((left, top, right, bottom), width, height, mask.size)


def _padded(mask: Image.Image, padding: int, native: Size) -> Box:
    """The mask with that many pixels around it, grown to the shape of ``native``, as "only masked" in A1111.

    ``get_crop_region_v2`` and ``expand_crop_region`` of its ``modules/masking.py``.
    """
    left, top, right, bottom = _painted(mask)
    whole = mask.size
    box = max(0, left - padding), max(0, top - padding), min(whole[0], right + padding), min(whole[1], bottom + padding)
    width, height = box[2] - box[0], box[3] - box[1]
    wide, high = round(height * native.width / native.height), round(width * native.height / native.width)
    return _grown(box, max(width, wide), max(height, high), whole)


def _painted(mask: Image.Image) -> Box:
    return mask.getbbox() or (0, 0, *mask.size)


def _grown(box: Box, width: int, height: int, whole: tuple[int, int]) -> Box:
    """A box of that size around another, within the picture."""
    x, across = _span(box[0], box[2], width, whole[0])
    y, down = _span(box[1], box[3], height, whole[1])
    return x, y, x + across, y + down


def _span(first: int, last: int, length: int, whole: int) -> tuple[int, int]:
    """Start and length of a span around first … last, within 0 … whole."""
    length = min(whole, length)
    return min(max(0, (first + last - length) // 2), whole - length), length


def _put_back(image: Image.Image, mask: Image.Image, made: Image.Image, box: Box) -> Image.Image:
    """The picture with ``made`` pasted in; the edge of the mask is softened, on its inner side only."""
    old, edge = image.crop(box), mask.crop(box)
    soft = ImageChops.darker(edge, edge.filter(ImageFilter.GaussianBlur(max(1.0, min(old.size) / 128))))
    result = image.copy()
    blended = _blended(made.resize(old.size, Image.Resampling.LANCZOS), old, soft)
    result.paste(blended, box[:2], soft.point(lambda level: 255 if level else 0))
    return result


def _blended(made: Image.Image, old: Image.Image, share: Image.Image) -> Image.Image:
    """Blended with premultiplied alpha where the old picture has alpha: the hidden colour of clear pixels must not
    show.
    """
    if old.mode != "RGBA":
        return Image.composite(made, old, share)
    return Image.composite(made.convert("RGBA").convert("RGBa"), old.convert("RGBa"), share).convert("RGBA")
