"""Small copies of picture files, for widgets."""

import io
from pathlib import Path

from PIL import Image

from studio.errors import InputError
from studio.images.image_file import open_image
from studio.images.transparency import on_ground


def thumbnail(path: str | Path, edge: int | None = 160, ground: str = "white") -> bytes:
    """A picture file as JPEG on an opaque background, its longer side at most ``edge`` pixels.

    Returns b"" if the file cannot be read.
    """
    try:
        image = on_ground(open_image(path), ground)
    except InputError:
        return b""
    if edge:
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    return stream.getvalue()
