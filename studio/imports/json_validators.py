"""JSON that anybody may have written, read as what it should be: ValueErrors say what is wrong."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from studio.errors import InputError
from studio.files import strict_json
from studio.imports.imported_settings import Asset

_LONGEST: Final = 8_000_000
_NUMBER: Final = re.compile(r"\s*[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})\s*")
_HASH: Final = re.compile(r"((blake3|md5):)?[0-9a-f]{8,128}")
_OF_NOTHING: Final = "e3b0c44298fc"
"""How the SHA-256 of no bytes begins: tools write it where a file could not be read."""


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or list, and not words in brackets."""
    if not text.startswith(("{", "[")):
        return False
    try:
        strict_json.loads(text, _LONGEST)
    except ValueError:
        return False
    return True


def json_object(text: str, tool: str) -> dict[str, Any]:
    """A JSON object. Raises InputError where the text is none, or is over 8 million letters."""
    try:
        data = strict_json.loads(text, _LONGEST)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise damaged(tool)
    return data


def damaged(tool: str) -> InputError:
    """What to raise where a tool's settings are not what it writes."""
    return InputError(f"the settings that {tool} wrote into this file are damaged; take another copy of it")


def flatten(data: Mapping[str, Any], depth: int = 4) -> Iterator[tuple[str, Any]]:
    """Settings within settings by names with dots: {"a": {"b": 1}} as "a.b"."""
    for name, value in data.items():
        if isinstance(value, dict) and depth:
            yield from ((f"{name}.{inner}", item) for inner, item in flatten(value, depth - 1))
        else:
            yield name, value


def number(value: Any) -> int | float:
    """A number, also from its text. Raises ValueError for anything else, NaN and infinity too."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(as_float(value)):
        raise ValueError("this is not a number")
    return value


def integer(value: Any) -> int:
    """A whole number, also from its text. Raises ValueError for anything else."""
    if (found := number(value)) != int(found):
        raise ValueError("this is not a whole number")
    return int(found)


def seed(value: Any) -> int:
    """A seed below 2^32: of a larger one torch's CPU generator uses the last 32 bits alone.

    Raises ValueError for anything else, and for one below 0, which stands for one drawn at random.
    """
    if (found := integer(value)) < 0:
        raise ValueError("it stands for a seed drawn at random, and which one it was is not said")
    return found % 2**32


def as_float(value: int | float) -> float:
    """A number as a float, however large it is."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def text(value: Any) -> str:
    """Text. Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("this is not text")
    return value


def items(value: Any) -> list[Any]:
    """A list of at most a hundred things. Raises ValueError for anything else."""
    if not isinstance(value, list) or len(value) > 100:
        raise ValueError("this is not a list of at most 100")
    return value


def asset(kind: str, name: Any, *hashes: Any, weight: Any = 1.0, text: Any = None) -> Asset:
    """A file that was used; raises ValueError where its name is no text or a weight none that a LoRA may have."""
    if not isinstance(name, str) or not 0 < len(name) <= 300 or not name.isprintable():
        raise ValueError("this names no file")
    known = tuple(dict.fromkeys(filter(None, map(hash_of, hashes))))
    return Asset(kind, name, known, _weight(weight), None if text is None else _weight(text))


def _weight(value: Any) -> float:
    weight = float(number(value))
    if abs(weight) > 10:
        raise ValueError(f"a LoRA's weight is -10 to 10, not {weight:g}")
    return weight


def hash_of(value: Any) -> str:
    """A hash in hex, with its kind before it where that is not SHA-256; empty where it is none."""
    written = value.lower().removeprefix("0x").removeprefix("sha256:") if isinstance(value, str) else ""
    return written if _HASH.fullmatch(written) and not written.startswith(_OF_NOTHING) else ""
