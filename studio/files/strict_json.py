"""Reads JSON from outside within limits of size, depth and number of items, and refuses duplicate keys.

The standard reader keeps the last of two equal keys, fails at a depth that depends on the caller, and turns 30 MB of
brackets into gigabytes. Lone surrogates, which text can hold but no file, are replaced.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

MOST_BYTES: Final = 32 * 2**20
MOST_ITEMS: Final = 1_000_000
"""Values, counted by commas and brackets before anything is parsed."""
DEEPEST: Final = 100
MOST_DIGITS: Final = 40
"""Of an integer: more than any program writes, and few enough to calculate with."""


_LONE_SURROGATE: Final = len("\\ud800")
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL
)
"""A surrogate pair, a lone surrogate, or any other escape."""


def loads(text: str | bytes, most: int = MOST_BYTES, *, mended: bool = True) -> Any:
    """Parse JSON of at most ``most`` bytes or letters; raises ValueError with one line for anything else.

    Lone surrogates are replaced unless ``mended`` is false: a file name may hold them.
    """
    if len(text) > most:
        raise ValueError(f"it is longer than {most:,} bytes")
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    if mended and ("\\ud" in text or "\\uD" in text):
        text = _ESCAPE.sub(lambda found: "\\ufffd" if len(found[0]) == _LONE_SURROGATE else found[0], text)
    brackets = text.count("[") + text.count("{")
    if text.count(",") + brackets > MOST_ITEMS:
        raise ValueError(f"it holds more than {MOST_ITEMS:,} values")
    try:
        content = json.loads(text, object_pairs_hook=_unique, parse_int=whole)
    except RecursionError:
        raise _too_deep() from None
    if brackets > DEEPEST:
        _refuse_deep(content)
    return content


def whole(text: str) -> int:
    """An integer; raises ValueError for over 40 digits, as calculating with those could take forever."""
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number in it has {len(text):,} digits")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"'{twice[:80]}' is there twice")
    return content


def _refuse_deep(content: Any) -> None:
    level = [content]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return
    raise _too_deep()


def _inside(content: Any) -> Iterable[Any]:
    if isinstance(content, dict):
        return content.values()
    return content if isinstance(content, list) else ()


def _too_deep() -> ValueError:
    return ValueError(f"it is nested over {DEEPEST} deep")
