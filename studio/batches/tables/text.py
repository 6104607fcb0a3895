"""Text files by the marks that programs put at their beginning."""

import codecs
from pathlib import Path
from typing import Final

from studio.batches.tables.table import MOST_BYTES
from studio.errors import InputError
from studio.files.untrusted import read_file

_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(file: Path, encoding: str = "") -> str:
    """The text: UTF-16 where the file is marked so, else UTF-8; another encoding is never guessed.

    Raises InputError that names the line that is not.
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
            f"line {line} is not {encoding or 'UTF-8'}; save it as UTF-8 text, or say what it is: --encoding latin-1"
        ) from None
