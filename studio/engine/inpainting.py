"""A part of a picture drawn anew; the rest comes back exactly as it was."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageFilter

from studio.engine.engine import Engine
from studio.engine.images import fitting, gray_masks, resized
from studio.errors import InputError
from studio.kinds import Size
from studio.models.card import ModelCard
from studio.request import Request
from studio.transparency import on_ground

Box = tuple[int, int, int, int]


def masks_for(images: Sequence[Image.Image], mask: str | Path | Sequence[Any]) -> list[Image.Image]:
    """The masks behind an input, gray; where one is transparent, the picture stays.

    Raises InputError where one differs in size from its picture, or asks for no change.
    """
    masks = gray_masks(mask)
    for one in masks:
        if one.size != images[0].size:
            sizes = [f"{side.width}x{side.height}" for side in (one, images[0])]
            raise _about_mask(f"the mask is {sizes[0]} and the picture {sizes[1]}; make them the same size")
        if one.getbbox() is None:
            raise _about_mask("the mask is black everywhere; make white what should be repainted")
    return masks


def _about_mask(text: str) -> InputError:
    return InputError(text, {"mask": text})


def redrawn(
    engine: Engine,
    card: ModelCard,
    request: Request,
    images: Sequence[Image.Image],
    masks: Sequence[Image.Image],
    padding: int | None = None,
    native: Size | None = None,
) -> list[Image.Image]:
    """The pictures, drawn anew where their masks are white; gray blends, black stays to the bit, its alpha too.

    Only the surroundings of the mask go through the model, at the size ``native`` or its own, so that a small place in
    a large picture is drawn as sharply as the rest: ``padding`` pixels on each side and what the shape of that size
    needs, or where that is left open, half as much again. It sees transparent pictures on white; what it draws is
    opaque.
    """
    native = native or card.size
    count = len(engine.seeds)
    images, masks = list(images) * (count // len(images)), list(masks) * (count // len(masks))
    box = _around(masks, native) if padding is None else _padded(masks, padding, native)
    size = fitting(Image.new("L", (box[2] - box[0], box[3] - box[1])), native, card.family.multiple)
    inside = tuple(resized(on_ground(one.crop(box)), size) for one in images)
    white = tuple(resized(one.crop(box), size) for one in masks)
    whole = Size(*images[0].size)
    guide = request.guide.placed(
        lambda picture: resized(resized(picture, whole).crop(box), size),
        lambda mask: mask.resize(whole).crop(box).resize(size),
    )
    asked = replace(request, width=size.width, height=size.height, images=inside, masks=white, guide=guide)
    made = engine.denoise(card, asked)
    return [_put_back(*each, box) for each in zip(images, masks, made, strict=True)]


def _around(masks: Sequence[Image.Image], native: Size) -> Box:
    """What the model sees: the masks and half as much again, at least its own size, within the picture."""
    left, top, right, bottom = _union(masks)
    width, height = max(native.width, (right - left) * 3 // 2), max(native.height, (bottom - top) * 3 // 2)
    return _grown((left, top, right, bottom), width, height, masks[0].size)


def _padded(masks: Sequence[Image.Image], padding: int, native: Size) -> Box:
    """The masks with that many pixels around them, grown to the shape of ``native``, as A1111 has "only masked".

    ``get_crop_region_v2`` and ``expand_crop_region`` of its ``modules/masking.py``.
    """
    left, top, right, bottom = _union(masks)
    whole = masks[0].size
    box = max(0, left - padding), max(0, top - padding), min(whole[0], right + padding), min(whole[1], bottom + padding)
    width, height = box[2] - box[0], box[3] - box[1]
    wide, high = round(height * native.width / native.height), round(width * native.height / native.width)
    return _grown(box, max(width, wide), max(height, high), whole)


def _union(masks: Sequence[Image.Image]) -> Box:
    union = masks[0]
    for mask in masks[1:]:
        union = ImageChops.lighter(union, mask)
    return union.getbbox() or (0, 0, *union.size)


def _grown(box: Box, width: int, height: int, whole: tuple[int, int]) -> Box:
    """A box of that size around another, as far as the picture goes."""
    x, across = _span(box[0], box[2], width, whole[0])
    y, down = _span(box[1], box[3], height, whole[1])
    return x, y, x + across, y + down


def _span(first: int, last: int, length: int, whole: int) -> tuple[int, int]:
    """Where a stretch around first … last begins and how long it is, within 0 … whole."""
    length = min(whole, length)
    return min(max(0, (first + last - length) // 2), whole - length), length


def _put_back(image: Image.Image, mask: Image.Image, made: Image.Image, box: Box) -> Image.Image:
    """``made`` in its place; the edge of the mask is softened, on its inner side only."""
    old, edge = image.crop(box), mask.crop(box)
    soft = ImageChops.darker(edge, edge.filter(ImageFilter.GaussianBlur(max(1.0, min(old.size) / 128))))
    result = image.copy()
    blended = _blended(made.resize(old.size, Image.Resampling.LANCZOS), old, soft)
    result.paste(blended, box[:2], soft.point(lambda level: 255 if level else 0))
    return result


def _blended(made: Image.Image, old: Image.Image, share: Image.Image) -> Image.Image:
    """Premultiplied where the old one is transparent: the hidden colour of what is clear must not show in a seam."""
    if old.mode != "RGBA":
        return Image.composite(made, old, share)
    return Image.composite(made.convert("RGBA").convert("RGBa"), old.convert("RGBa"), share).convert("RGBA")
