"""stable-diffusion.cpp's prompts: A1111's weights and BREAK; AND, schedules and alternation are plain text.

After ``parse_prompt_attention`` in its ``src/core/util.cpp``.
"""

import re
from collections.abc import Iterator
from typing import Final

from studio.imports.prompt_dialects import format_pieces, matching_brackets
from studio.prompts.grammar import WeightedText

_BREAK: Final = re.compile(r"\s*\bBREAK\b\s*")
_TOKEN: Final = re.compile(r"\\([()\[\]\\])|\\|[()\[\]]|[^\\()\[\]]+", re.DOTALL)
_WEIGHT: Final = re.compile(r":([+-]?(?:\d+\.?\d*|\.\d+))$")
_LONGEST: Final = 40
"""Letters at the end of a bracket that are searched for a weight."""
_STRONGER: Final = 1.1


def to_studio(prompt: str) -> str:
    """The prompt in our grammar; raises ValueError for a weight beyond -100 to 100."""
    return " BREAK ".join(format_pieces(_pieces(section)) for section in _BREAK.split(prompt))


def _pieces(text: str) -> Iterator[WeightedText]:
    round_, square = matching_brackets(text, "(", ")"), matching_brackets(text, "[", "]")
    weighted = {end: found for start, end in round_.items() if (found := _explicit(text, start, end))}
    closing = {*round_.values(), *square.values()}
    weights = [1.0]
    for token in _TOKEN.finditer(text):
        at = token.start()
        if at in square:
            weights.append(weights[-1] / _STRONGER)
        elif at in round_:
            explicit = weighted.get(round_[at])
            weights.append(weights[-1] * (float(explicit[1]) if explicit else _STRONGER))
        elif at in closing:
            weights.pop()
        else:
            stop = weighted[token.end()].start() if token.end() in weighted else token.end()
            yield WeightedText((token[1] or token[0])[: stop - at], round(weights[-1], 6))


def _explicit(text: str, start: int, end: int) -> re.Match[str] | None:
    """The explicit weight at the end of a bracket, if there is one."""
    return _WEIGHT.search(text, max(start + 1, end - _LONGEST), end)
