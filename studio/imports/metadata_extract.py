"""Extracts all text from a picture's file, wherever tools put it."""

import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.errors import InputError, reason
from studio.files.untrusted import is_file, open_file, read_file
from studio.images.image_file import open_stored
from studio.imports import stealth

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

LARGEST: Final = 32 * 2**20
"""Bytes of a JSON file, which may contain a large graph."""

SIDECAR: Final = 2**20
"""Bytes of a text file beside a picture."""
_EXIF_FOLDER: Final = 0x8769
_TAGS: Final = {
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x927C: "MakerNote",
    0x9286: "UserComment",
}
_JIS: Final = "iso2022_jp"


@dataclass(frozen=True)
class EmbeddedMetadata:
    """The texts in a file by where they were found, for the readers in ``imports.formats``.

    ``texts`` has a PNG's text chunks by their keywords ("parameters", "prompt", "Comment"), EXIF tags as
    "exif:UserComment", "exif:Make", "exif:Model", "exif:MakerNote", "exif:Software", "exif:ImageDescription",
    "exif:DocumentName", XMP as "xmp", a GIF's or JPEG's comment as "comment", text hidden in pixels as "stealth", a
    text file beside the picture as "sidecar", and the content of a JSON file as "json". ``size`` is the picture's, None
    for other files.
    """

    texts: Mapping[str, str]
    size: tuple[int, int] | None = None


def extract_metadata(path: Path) -> EmbeddedMetadata:
    """The texts in a file, possibly none. Raises InputError if it cannot be read.

    A file whose content begins like JSON is read as JSON whatever its name, and a .txt file as the sidecar of a picture
    that is not there. Pixels are only searched if nothing else was found.
    """
    if (kind := _kind(path)) != "picture":
        text = _text(path, LARGEST if kind == "json" else SIDECAR)
        return EmbeddedMetadata({kind: text, **({"sidecar": text} if path.suffix.lower() == ".txt" else {})})
    image = open_stored(path)
    texts = dict(_sidecar(path)) | {name: text for name, text in _image_texts(image) if text}
    if not texts and (hidden := stealth.hidden(image)):
        texts = {"stealth": hidden}
    return EmbeddedMetadata(texts, image.size)


def _kind(path: Path) -> str:
    """The kind of file by its first bytes: "json", "sidecar" or "picture"."""
    try:
        with open_file(path) as stream:
            begin = stream.read(1024)
    except FileNotFoundError:
        raise InputError(f"there is no file '{path}'") from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {reason(error)}") from None
    if begin.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return "json"
    return "sidecar" if path.suffix.lower() == ".txt" else "picture"


def _text(path: Path, most: int) -> str:
    """A file's UTF-8 text; invalid bytes are replaced. Raises InputError if it is too large."""
    try:
        return read_file(path, most).decode("utf-8-sig", "replace")
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {reason(error)}") from None


def _sidecar(path: Path) -> Iterator[tuple[str, str]]:
    beside = path.with_suffix(".txt")
    with suppress(InputError):  # an unreadable sidecar does not matter
        if is_file(beside):
            yield "sidecar", _text(beside, SIDECAR)


def _image_texts(image: "Image") -> Iterator[tuple[str, str]]:
    if image.format == "PNG":
        yield from ((str(key), _chunk(text)) for key, text in image.info.items() if isinstance(text, str))
    yield from _exif(image)
    xmp, comment = image.info.get("xmp"), image.info.get("comment")
    yield "xmp", _decoded(xmp) if isinstance(xmp, bytes) else str(xmp or "")
    yield "comment", _decoded(comment) if isinstance(comment, bytes) else ""


def _chunk(text: str) -> str:
    """A PNG text: an iTXt chunk was decoded as UTF-8; in others, some tools write UTF-8 in place of Latin-1."""
    from PIL.PngImagePlugin import iTXt

    return str(text) if isinstance(text, iTXt) else _mended(text)


def _mended(text: str) -> str:
    """Text that was decoded as Latin-1, as UTF-8 if it is that."""
    with suppress(UnicodeError):
        return text.encode("latin-1").decode("utf-8")
    return text


def _exif(image: "Image") -> Iterator[tuple[str, str]]:
    """EXIF tags, from the main directory or the EXIF one: tools put them into either."""
    damaged = (SyntaxError, ValueError, KeyError, TypeError, OSError, EOFError, struct.error)
    with suppress(*damaged), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exif = image.getexif()
        for tags in (exif, exif.get_ifd(_EXIF_FOLDER)):
            yield from ((f"exif:{name}", _tag(name, tags[tag], exif)) for tag, name in _TAGS.items() if tag in tags)


def _tag(name: str, value: Any, exif: "Exif") -> str:
    if isinstance(value, tuple) and value and all(type(byte) is int and 0 <= byte < 256 for byte in value):
        value = bytes(value)
    if isinstance(value, bytes):
        return _comment(value, exif.endian) if name == "UserComment" else _decoded(value)
    return _mended(value.rstrip("\0")) if isinstance(value, str) else ""


def _comment(value: bytes, endian: str | None) -> str:
    """EXIF's UserComment: eight letters that name the encoding, then the text. Source: Exif 2.32, 4.6.5."""
    code, text = value[:8].rstrip(b"\0 ").upper(), value[8:]
    if code == b"UNICODE":
        return _wide(text, endian)
    if code == b"JIS":
        return text.decode(_JIS, "replace").rstrip("\0")
    return _decoded(text if code in (b"ASCII", b"") else value)


def _wide(text: bytes, endian: str | None) -> str:
    """UTF-16, whose byte order may differ from that of the EXIF around it; some tools write UTF-8 instead.

    Settings are mostly ASCII, so the order that gives more ASCII letters is right.
    """
    if b"\0" not in text:
        with suppress(UnicodeDecodeError):
            return text.decode("utf-8")
    if text[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return text.decode("utf-16", "replace").rstrip("\0")
    orders = ("utf-16-le", "utf-16-be") if endian == "<" else ("utf-16-be", "utf-16-le")
    read = [text[: len(text) // 2 * 2].decode(order, "replace") for order in orders]
    return max(read, key=_ascii_letters).rstrip("\0")


def _ascii_letters(text: str) -> int:
    return sum(letter.isascii() and letter != "\0" for letter in text)


def _decoded(data: bytes) -> str:
    """Bytes of unknown encoding: UTF-8, or else Latin-1."""
    data = data.rstrip(b"\0")
    with suppress(UnicodeDecodeError):
        return data.decode("utf-8")
    return data.decode("latin-1")
