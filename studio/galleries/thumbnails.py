"""Thumbnails of pictures, stored by the hash of the picture's content."""

from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Final

from studio.errors import OutputError
from studio.files import private
from studio.files.atomic_write import temporary_path
from studio.images.image_file import open_image
from studio.images.transparency import on_ground

_EDGE: Final = 320


def jpeg(path: Path, edge: int) -> bytes:
    """The picture as JPEG, at most ``edge`` pixels on its longer side, never enlarged; on white if transparent."""
    image, data = on_ground(open_image(path)), BytesIO()
    image.thumbnail((edge, edge))
    image.save(data, "JPEG", quality=85)
    return data.getvalue()


def thumbnail(folder: Path, picture: str, path: Callable[[], Path]) -> Path:
    """The JPEG of a picture, at most 320 pixels on its longer side, made from ``path()`` if there is none yet.

    Raises InputError if the picture cannot be read, OutputError if the thumbnail cannot be written.
    """
    small = _file(folder, picture)
    if small.is_file():
        return small
    data = jpeg(path(), _EDGE)
    try:
        private.folder(folder)
        private.folder(small.parent)
        with temporary_path(small.parent) as temporary:
            private.file(temporary).write_bytes(data)
            return temporary.replace(small)
    except OSError as error:
        raise OutputError(f"cannot write to '{small.parent}': {error.strerror or error}") from None


def drop(folder: Path, picture: str) -> None:
    """Delete the thumbnail of a picture that is gone."""
    with suppress(OSError):  # one thumbnail too many does no harm
        _file(folder, picture).unlink()


def _file(folder: Path, picture: str) -> Path:
    return folder / picture[:2] / f"{picture}.jpg"
