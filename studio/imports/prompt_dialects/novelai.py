"""NovelAI's prompts: ``{x}`` is 1.05, ``[x]`` is 1 / 1.05, multiplied when nested, and since V4 ``1.5::x::``.

Round brackets are plain text there.
"""

import re
from collections.abc import Iterator
from typing import Final

from studio.imports.prompt_dialects import format_pieces, matching_brackets
from studio.prompts.grammar import WeightedText

_STRONGER: Final = 1.05
_NUMBER: Final = r"-?(?:\d{1,3}(?:\.\d{0,4})?|\.\d{1,4})"
_TOKEN: Final = re.compile(rf"({_NUMBER})?::|[{{}}\[\]]|(?:(?!(?:{_NUMBER})?::)[^{{}}\[\]])+", re.DOTALL)


def to_studio(prompt: str, *, numbers: bool) -> str:
    """The prompt in our grammar; ``numbers`` also reads ``1.5::x::``.

    Raises ValueError for a weight beyond -100 to 100.
    """
    return format_pieces(_pieces(prompt, numbers))


def _pieces(prompt: str, numbers: bool) -> Iterator[WeightedText]:
    factors = _factors(prompt)
    weight = exact = 1.0
    for token in _TOKEN.finditer(prompt):
        if factor := factors.get(token.start()):
            weight *= factor
        elif numbers and token[0].endswith("::"):
            exact = float(token[1]) if token[1] else 1.0
        else:
            yield WeightedText(token[0], round(weight * exact, 6))


def _factors(prompt: str) -> dict[int, float]:
    """The factor of each matching bracket."""
    found: dict[int, float] = {}
    for opening, closing, factor in (("{", "}", _STRONGER), ("[", "]", 1 / _STRONGER)):
        for start, end in matching_brackets(prompt, opening, closing).items():
            found[start], found[end] = factor, 1 / factor
    return found
