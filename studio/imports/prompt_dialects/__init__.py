"""Converts prompts of other tools to our grammar, which is A1111's: one module per dialect.

Dialects give pieces of text with their weights, with nested brackets multiplied out, so that the converted prompt means
the same whatever the brackets meant in the other tool.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from studio.prompts import wildcards
from studio.prompts.grammar import WeightedText

LONGEST: Final = 10_000
"""Letters of a prompt; no form accepts a longer one."""
_HEAVIEST: Final = 100
_MARKS: Final = re.compile(r"[\\()\[\]{}]|<(?=(?:lora|lyco|hypernet):)|_(?=_)")
_JOINTS: Final = re.compile(r"\b(?:AND|BREAK)\b")


def escape(text: str) -> str:
    """Plain words, with a backslash before characters that have a meaning in our grammar.

    AND and BREAK cannot be escaped; they are written in lower case, which is how CLIP reads them anyway.
    """
    return _JOINTS.sub(lambda found: found[0].lower(), _MARKS.sub(r"\\\g<0>", text))


def escape_wildcards(text: str) -> str:
    """A prompt in our grammar with braces and double underscores escaped, if they would be read as wildcards."""
    return re.sub(r"(?<!\\)([{}]|__)", r"\\\1", text) if wildcards.first(text) else text


def format_pieces(pieces: Iterable[WeightedText]) -> str:
    """Pieces in our grammar; raises ValueError for a weight beyond -100 to 100."""
    return "".join(
        _weighted("".join(piece.text for piece in same), weight)
        for weight, same in groupby(pieces, lambda piece: piece.weight)
    )


def _weighted(text: str, weight: float) -> str:
    if not abs(weight) <= _HEAVIEST:
        raise ValueError(f"the weight {weight:g} of '{text[:30]}' is too large")
    factor = f"{weight:.4f}".rstrip("0").rstrip(".")
    words = text.strip()
    if factor == "1" or not words:
        return escape(text)
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{before}({escape(words)}:{factor}){after}"


def matching_brackets(text: str, opening: str, closing: str) -> dict[int, int]:
    """The positions of brackets that match: opening to closing; escaped ones do not count."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for mark in re.finditer(r"\\.|[" + re.escape(opening + closing) + "]", text, re.DOTALL):
        if mark[0] == opening:
            opened.append(mark.start())
        elif mark[0] == closing and opened:
            found[opened.pop()] = mark.start()
    return found
