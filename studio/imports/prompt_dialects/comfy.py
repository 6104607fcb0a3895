"""ComfyUI's prompts, also SwarmUI's and Fooocus': ``(x)`` is 1.1 and ``(x:1.2)`` is 1.2, whatever is around it.

Square and curly brackets are plain words there. After ``token_weights`` in its ``comfy/sd1_clip.py``.
"""

import re
from collections.abc import Iterator
from typing import Final

from studio.imports.prompt_dialects import partners, written
from studio.prompts.grammar import WeightedText

_WEIGHT: Final = re.compile(r":\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*$")
_LONGEST: Final = 40
"""Letters in which a weight stands at the end of a bracket."""
_TOKEN: Final = re.compile(r"\\([()])|\\|[()]|[^\\()]+", re.DOTALL)


def ours(prompt: str) -> str:
    """The prompt in our grammar; raises ValueError where a weight is beyond -100 to 100."""
    return written(_pieces(prompt))


def _pieces(prompt: str) -> Iterator[WeightedText]:
    pairs = partners(prompt, "(", ")")
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
    """The weight that closes the bracket from ``start`` to ``end``, where one does and words stand before it."""
    return _WEIGHT.search(prompt, max(start + 2, end - _LONGEST), end)


def _tail(prompt: str, end: int, closing: dict[int, int]) -> int:
    """Where words that end at ``end`` end without the weight that closes their bracket."""
    explicit = _explicit(prompt, closing[end], end) if end in closing else None
    return explicit.start() if explicit else end
