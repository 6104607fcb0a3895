"""Reads text files: UTF-8, or UTF-16 with a byte order mark."""

import codecs
from pathlib import Path
from typing import Final

from studio.batches.tables.table import MOST_BYTES
from studio.errors import InputError
from studio.files.untrusted import read_file

_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(file: Path, encoding: str = "") -> str:
    """The text, as UTF-16 with its byte order mark, otherwise as UTF-8; no other encoding is guessed.

    Raises InputError that names the first line that cannot be decoded.
    """
    raw = read_file(file, MOST_BYTES)
    marked = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)
    try:
        return raw.decode(encoding or marked or "utf-8")
    except LookupError:
        raise InputError(f"there is no encoding '{encoding}'; write latin-1, cp1252 or another") from None
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = raw.count(b"\n", 0, at) + 1
        raise InputError(
            f"line {line} is not {encoding or 'UTF-8'}; save it as UTF-8 text, or give its encoding: --encoding latin-1"
        ) from None
