"""Opens picture files; everything else in the studio opens them through this module."""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

from studio.errors import InputError, reason
from studio.files.untrusted import open_file

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS: Final = 64_000_000
MAX_BYTES: Final = 600_000_000  # that many pixels of four 16-bit values, and some more
ON_PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jfif"),
    "WEBP": (".webp",),
    "AVIF": (".avif",),
    "GIF": (".gif",),
}
"""The formats that browsers can show, and their file name endings in lower case."""
_FORMATS: Final = {**ON_PAGES, "TIFF": (".tif", ".tiff"), "BMP": (".bmp",)}  # some others run programs, as EPS does
ENDINGS: Final = tuple(ending for endings in _FORMATS.values() for ending in endings)
"""File name endings of pictures, in lower case."""

_Read = TypeVar("_Read")

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt")


def open_image(path: str | Path) -> "Image":
    """The picture in a file, ready to use: upright, in 8-bit sRGB, RGB or RGBA; of an animation the first frame.

    Raises InputError as ``open_stored`` does, and if values are not finite.
    """
    from studio.images.decode import standard

    return standard(open_stored(path), str(path))


def open_hashed(path: str | Path) -> "tuple[Image, str]":
    """The picture as ``open_image`` returns it, and the SHA-256 of its file; raises the same errors."""
    from studio.images.decode import standard

    def read(file: BufferedReader, name: str | Path) -> "tuple[Image, str]":
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        return _read(file, name), digest

    stored, digest = _through(path, read)
    return standard(stored, str(path)), digest


def png_texts(file: BinaryIO) -> dict[Any, Any]:
    """The texts of a PNG, without decoding its pixels; raises Pillow's errors if it is not a PNG."""
    from PIL import Image

    with Image.open(file, formats=("PNG",)) as image:
        return dict(image.info)


def open_stored(path: str | Path) -> "Image":
    """The picture in a file as stored, fully read, for its texts and EXIF; of an animation the first frame.

    A PNG with wrong checksums in its text chunks is read anyway: those say nothing about the pixels, and some tools
    edit the texts without updating them. Raises InputError if the file does not exist, is not a regular file, is
    damaged, or has over 64 million pixels or too many bytes: a small file can unpack to gigabytes, and hashing a large
    one takes minutes.
    """
    return _through(path, _read)


def _through(path: str | Path, read: Callable[[BufferedReader, str | Path], _Read]) -> _Read:
    """The result of ``read`` on the file; any failure becomes an InputError."""
    from PIL import Image

    try:
        file = open_file(path)
    except FileNotFoundError:
        raise InputError(f"there is no file '{path}'") from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {reason(error)}") from None
    try:
        with file:
            return read(file, path)
    except Image.DecompressionBombError:
        raise InputError(f"'{path}' has more than 64 million pixels, too many to open; shrink it first") from None
    except (OSError, ValueError, SyntaxError, EOFError):
        raise InputError(f"'{path}' is not a picture that can be read; use PNG, JPEG, WebP, AVIF or GIF") from None


def _read(file: BufferedReader, name: str | Path) -> "Image":
    from PIL import UnidentifiedImageError

    if (size := os.fstat(file.fileno()).st_size) > MAX_BYTES:
        raise InputError(f"'{name}' has {size:,} bytes, too many to open; shrink it first")
    try:
        return _opened(name, file)
    except UnidentifiedImageError:
        file.seek(0)
        return _opened(name, BytesIO(b"".join(_with_right_checksums(file.read(MAX_BYTES)))))


def _opened(name: str | Path, source: BufferedReader | BytesIO) -> "Image":
    from PIL import Image

    with Image.open(source, formats=tuple(_FORMATS)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise InputError(f"'{name}' has {image.width}x{image.height} pixels, too large to open; shrink it first")
        image.load()
        return image


def _with_right_checksums(data: bytes) -> Iterator[bytes]:
    """The bytes of a PNG with the checksums of its text chunks corrected (w3.org/TR/png-3, 5.3).

    Raises ValueError if they are not a PNG, or end within a chunk.
    """
    if not data.startswith(_PNG):
        raise ValueError("this is not a PNG")
    yield _PNG
    at = len(_PNG)
    while at < len(data):
        if len(head := data[at : at + 8]) < 8:
            raise ValueError("this PNG is cut off")
        length, kind = struct.unpack(">I4s", head)
        chunk = data[at : at + length + 12]
        if kind in _TEXTS:
            chunk = chunk[:-4] + struct.pack(">I", zlib.crc32(chunk[4:-4]))
        yield chunk
        at += length + 12
