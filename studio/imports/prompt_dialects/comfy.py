"""Prompts of ComfyUI, SwarmUI and Fooocus: ``(x)`` is 1.1 and ``(x:1.2)`` is 1.2, whatever is around it.

Square and curly brackets are plain text there. After ``token_weights`` in ComfyUI's ``comfy/sd1_clip.py``.
"""

import re
from collections.abc import Iterator
from typing import Final

from studio.imports.prompt_dialects import format_pieces, matching_brackets
from studio.prompts.grammar import WeightedText

_WEIGHT: Final = re.compile(r":\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*$")
_LONGEST: Final = 40
"""Letters at the end of a bracket that are searched for a weight."""
_TOKEN: Final = re.compile(r"\\([()])|\\|[()]|[^\\()]+", re.DOTALL)


def to_studio(prompt: str) -> str:
    """The prompt in our grammar; raises ValueError for a weight beyond -100 to 100."""
    return format_pieces(_pieces(prompt))


def _pieces(prompt: str) -> Iterator[WeightedText]:
    pairs = matching_brackets(prompt, "(", ")")
    closing = {end: start for start, end in pairs.items()}
    weights, hidden = [1.0], -1
    for token in _TOKEN.finditer(prompt):
        at = token.start()
        if at in pairs:
            explicit = _explicit(prompt, at, pairs[at])
            weights.append(float(explicit[1]) if explicit else weights[-1] * 1.1)
        elif at in closing:
            weights.pop()
        else:
            hidden = _tail(prompt, token.end(), closing)
            yield WeightedText((token[1] or token[0])[: hidden - at], weights[-1])


def _explicit(prompt: str, start: int, end: int) -> re.Match[str] | None:
    """The explicit weight at the end of the bracket from ``start`` to ``end``, if there is one with words before it."""
    return _WEIGHT.search(prompt, max(start + 2, end - _LONGEST), end)


def _tail(prompt: str, end: int, closing: dict[int, int]) -> int:
    """Where the words that end at ``end`` end without the weight of their bracket."""
    explicit = _explicit(prompt, closing[end], end) if end in closing else None
    return explicit.start() if explicit else end
