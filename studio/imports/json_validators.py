"""Reads untrusted JSON values as the expected types; ValueErrors say what is wrong."""

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
_OF_EMPTY_FILE: Final = "e3b0c44298fc"
"""The beginning of the SHA-256 of an empty file: tools write it if a file could not be read."""


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
    """A JSON object. Raises InputError if the text is something else, or over 8 million letters long."""
    try:
        data = strict_json.loads(text, _LONGEST)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise damaged(tool)
    return data


def damaged(tool: str) -> InputError:
    """The error for settings that are not what the tool writes."""
    return InputError(f"the settings that {tool} wrote into this file are damaged; take another copy of it")


def flatten(data: Mapping[str, Any], depth: int = 4) -> Iterator[tuple[str, Any]]:
    """Nested settings by dotted names: {"a": {"b": 1}} as "a.b"."""
    for name, value in data.items():
        if isinstance(value, dict) and depth:
            yield from ((f"{name}.{inner}", item) for inner, item in flatten(value, depth - 1))
        else:
            yield name, value


def number(value: Any) -> int | float:
    """A number, or the number in a text. Raises ValueError for anything else, including NaN and infinity."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(as_float(value)):
        raise ValueError("this is not a number")
    return value


def integer(value: Any) -> int:
    """An integer, or the integer in a text. Raises ValueError for anything else."""
    if (found := number(value)) != int(found):
        raise ValueError("this is not a whole number")
    return int(found)


def seed(value: Any) -> int:
    """A seed below 2^32: torch's CPU generator ignores the higher bits of a larger one.

    Raises ValueError for anything else, and for negative seeds, which mean a random one.
    """
    if (found := integer(value)) < 0:
        raise ValueError("it means a random seed, and the actual one is not in the file")
    return found % 2**32


def as_float(value: int | float) -> float:
    """A number as a float, infinity if it is too large."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def text(value: Any) -> str:
    """A text. Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("this is not text")
    return value


def items(value: Any) -> list[Any]:
    """A list of at most 100 items. Raises ValueError for anything else."""
    if not isinstance(value, list) or len(value) > 100:
        raise ValueError("this is not a list of at most 100")
    return value


def asset(kind: str, name: Any, *hashes: Any, weight: Any = 1.0, text: Any = None) -> Asset:
    """A file that was used; raises ValueError if the name is not a valid text, or a LoRA cannot have the weight."""
    if not isinstance(name, str) or not 0 < len(name) <= 300 or not name.isprintable():
        raise ValueError("this is not the name of a file")
    known = tuple(dict.fromkeys(filter(None, map(hash_of, hashes))))
    return Asset(kind, name, known, _weight(weight), None if text is None else _weight(text))


def _weight(value: Any) -> float:
    weight = float(number(value))
    if abs(weight) > 10:
        raise ValueError(f"a LoRA's weight is -10 to 10, not {weight:g}")
    return weight


def hash_of(value: Any) -> str:
    """A hash in hex, with its kind as a prefix unless it is SHA-256; "" if it is not a hash."""
    written = value.lower().removeprefix("0x").removeprefix("sha256:") if isinstance(value, str) else ""
    return written if _HASH.fullmatch(written) and not written.startswith(_OF_EMPTY_FILE) else ""
