"""Start pictures and masks that come with a request: read, checked, and kept as files of the studio's own."""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from studio.errors import InputError
from studio.images.image_file import open_image
from studio.parameters.types import Size
from studio.ui import uploads


def read(value: str, field: str, output: Path) -> Image.Image:
    """A picture that came as base64 or by its id, upright, RGB or RGBA; raises InputError that names ``field``."""
    try:
        with uploads.looked_at(value, output) as path:
            return open_image(path)
    except InputError as error:
        raise InputError.about(field, str(error)) from None


def read_file(data: bytes, field: str) -> Image.Image:
    """The same of a file's bytes."""
    try:
        with uploads.laid_out(data) as path:
            return open_image(path)
    except InputError as error:
        raise InputError.about(field, str(error)) from None


def kept(image: Image.Image, output: Path) -> str:
    """The id of a picture, from now on a file among the uploaded ones."""
    image.save(data := BytesIO(), "PNG")
    return str(uploads.picture_id(output, uploads.keep(data.getvalue(), output)))


def check_mask(mask: Image.Image, image: Image.Image) -> None:
    """Raise InputError about a mask of another size, or one that asks for no change."""
    if mask.size != image.size:
        sizes = [f"{one.width}x{one.height}" for one in (mask, image)]
        raise InputError.about("mask", f"it is {sizes[0]} and the picture {sizes[1]}; make them the same size")
    if mask.getbbox() is None:
        raise InputError.about(
            "mask", "it leaves nothing to repaint; make white, or transparent for OpenAI, what should change"
        )


def is_transparent(image: Image.Image) -> bool:
    """Whether any of a picture is."""
    return image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255)


def covering(image: Image.Image, size: Size) -> Image.Image:
    """The middle of a picture, as large as it goes into ``size``."""
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
