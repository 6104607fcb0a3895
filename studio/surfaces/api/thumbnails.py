"""Small copies of pictures, for lists of many."""

from io import BytesIO
from pathlib import Path

from studio.imagefile import open_image


def jpeg(path: Path, edge: int) -> bytes:
    """The picture as JPEG, at most ``edge`` pixels on its longer side, never enlarged."""
    image, data = open_image(path).convert("RGB"), BytesIO()
    image.thumbnail((edge, edge))
    image.save(data, "JPEG", quality=85)
    return data.getvalue()
