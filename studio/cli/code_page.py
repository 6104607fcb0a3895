"""Output to a terminal or a file whose code page lacks letters: they are escaped, and what is printed goes on."""

import codecs
import io
from typing import Final, TextIO

_ESCAPED: Final = "studio.escaped"


def escape_missing(stream: TextIO) -> None:
    """From now on the stream writes letters that it has no code for as ``\\uXXXX``, which JSON reads back."""
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error(_ESCAPED, _escaped)
        stream.reconfigure(errors=_ESCAPED)


def escaped(text: str, encoding: str) -> str:
    """The text with every letter that the encoding lacks as ``\\uXXXX``, which JSON reads back."""
    codecs.register_error(_ESCAPED, _escaped)
    return text.encode(encoding, _ESCAPED).decode(encoding)


def lacking(stream: TextIO) -> bool:
    """Whether the stream has no code for some letters."""
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
