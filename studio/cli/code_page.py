"""Escapes characters that the encoding of a terminal or a file lacks, instead of failing."""

import codecs
import io
from typing import Final, TextIO

_ESCAPED: Final = "studio.escaped"


def escape_missing(stream: TextIO) -> None:
    """Make the stream write characters that its encoding lacks as ``\\uXXXX``, which JSON can read."""
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error(_ESCAPED, _escaped)
        stream.reconfigure(errors=_ESCAPED)


def escaped(text: str, encoding: str) -> str:
    """The text with each character that the encoding lacks as ``\\uXXXX``, which JSON can read."""
    codecs.register_error(_ESCAPED, _escaped)
    return text.encode(encoding, _ESCAPED).decode(encoding)


def is_limited(stream: TextIO) -> bool:
    """Whether the encoding of the stream lacks some characters."""
    try:
        "ж漢".encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2)), error.end
