"""Reads and checks the start pictures and masks of a request, and keeps them as files."""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from studio.errors import InputError
from studio.images.image_file import open_image
from studio.parameters.types import Size
from studio.ui import uploads


def read(value: str, field: str, output: Path) -> Image.Image:
    """A picture given as base64 or id, upright, RGB or RGBA; raises InputError that names ``field``."""
    try:
        with uploads.as_file(value, output) as path:
            return open_image(path)
    except InputError as error:
        raise InputError.about(field, str(error)) from None


def read_file(data: bytes, field: str) -> Image.Image:
    """A picture given as the bytes of a file, like ``read``."""
    try:
        with uploads.temporary_file(data) as path:
            return open_image(path)
    except InputError as error:
        raise InputError.about(field, str(error)) from None


def kept(image: Image.Image, output: Path) -> str:
    """Keep a picture as a file among the uploads; returns its id."""
    image.save(data := BytesIO(), "PNG")
    return str(uploads.picture_id(output, uploads.keep(data.getvalue(), output)))


def check_mask(mask: Image.Image, image: Image.Image) -> None:
    """Raise InputError if the mask has another size than the picture, or is empty."""
    if mask.size != image.size:
        sizes = [f"{one.width}x{one.height}" for one in (mask, image)]
        raise InputError.about("mask", f"it is {sizes[0]} and the picture {sizes[1]}; make them the same size")
    if mask.getbbox() is None:
        raise InputError.about(
            "mask", "it leaves nothing to repaint; make the area to change white, or transparent in OpenAI's API"
        )


def is_transparent(image: Image.Image) -> bool:
    """Whether any pixel is transparent."""
    return image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255)


def covering(image: Image.Image, size: Size) -> Image.Image:
    """The centre of a picture, scaled and cropped to ``size``."""
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
