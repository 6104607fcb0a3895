"""JSON that anybody may have written, read within limits: of size, depth and number of items, and no key twice.

Ordinary readers keep the last of two equal keys, stop at a nesting that depends on how deep the caller stands, and
turn 30 MB of brackets into gigabytes. Halves of letters, which text can hold and no file, are replaced.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

MOST_BYTES: Final = 32 * 2**20
MOST_ITEMS: Final = 1_000_000
"""Values in it, counted by the marks before them, so that nothing is built of more."""
DEEPEST: Final = 100
MOST_DIGITS: Final = 40
"""Of a whole number: more than any program writes, and few enough to count with."""


_HALF: Final = len("\\ud800")
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL
)
"""A letter written as two halves, one half alone, or any other escape."""


def loads(text: str | bytes, most: int = MOST_BYTES, *, mended: bool = True) -> Any:
    """What the JSON says, of at most ``most`` bytes or letters; raises ValueError, in one line, for anything else.

    Halves of letters stay as they are where it is not to be ``mended``: a file's name may hold them.
    """
    if len(text) > most:
        raise ValueError(f"it is longer than {most:,} bytes")
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    if mended and ("\\ud" in text or "\\uD" in text):
        text = _ESCAPE.sub(lambda found: "\\ufffd" if len(found[0]) == _HALF else found[0], text)
    brackets = text.count("[") + text.count("{")
    if text.count(",") + brackets > MOST_ITEMS:
        raise ValueError(f"it holds more than {MOST_ITEMS:,} things")
    try:
        content = json.loads(text, object_pairs_hook=_unique, parse_int=whole)
    except RecursionError:
        raise _too_deep() from None
    if brackets > DEEPEST:
        _refuse_deep(content)
    return content


def whole(text: str) -> int:
    """A whole number; raises ValueError where it has over 40 digits: some sums with such would take for ever."""
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
