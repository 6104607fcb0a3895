"""NovelAI's prompts: ``{x}`` is 1.05, ``[x]`` is 1 / 1.05, each as often as written, and since V4 ``1.5::x::``.

Round brackets are plain words there.
"""

import re
from collections.abc import Iterator
from typing import Final

from studio.imports.prompt_dialects import partners, written
from studio.prompts.grammar import WeightedText

_STRONGER: Final = 1.05
_NUMBER: Final = r"-?(?:\d{1,3}(?:\.\d{0,4})?|\.\d{1,4})"
_TOKEN: Final = re.compile(rf"({_NUMBER})?::|[{{}}\[\]]|(?:(?!(?:{_NUMBER})?::)[^{{}}\[\]])+", re.DOTALL)


def ours(prompt: str, *, numbers: bool) -> str:
    """The prompt in our grammar; ``numbers`` reads ``1.5::x::`` as well.

    Raises ValueError where a weight is beyond -100 to 100.
    """
    return written(_pieces(prompt, numbers))


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
    """What each bracket that has a partner multiplies by."""
    found: dict[int, float] = {}
    for opening, closing, factor in (("{", "}", _STRONGER), ("[", "]", 1 / _STRONGER)):
        for start, end in partners(prompt, opening, closing).items():
            found[start], found[end] = factor, 1 / factor
    return found
