"""Prompts of other tools in our grammar, A1111's: one file a dialect.

Dialects give pieces of words with their weights, nested brackets multiplied out, so that what is written here means the
same whatever its brackets meant there.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from studio.prompts import wildcards
from studio.prompts.grammar import WeightedText

LONGEST: Final = 10_000
"""Letters of a prompt; a longer one fits no form, and is not worth reading."""
_HEAVIEST: Final = 100
_MARKS: Final = re.compile(r"[\\()\[\]{}]|<(?=(?:lora|lyco|hypernet):)|_(?=_)")
_JOINTS: Final = re.compile(r"\b(?:AND|BREAK)\b")


def plain(text: str) -> str:
    """Words that are only words, with a backslash before what our grammar would take for a mark.

    AND and BREAK have no such form; they are written small, as CLIP reads them anyway.
    """
    return _JOINTS.sub(lambda found: found[0].lower(), _MARKS.sub(r"\\\g<0>", text))


def literal(text: str) -> str:
    """A prompt in our grammar whose braces and double underscores mean themselves, where they would draw wildcards."""
    return re.sub(r"(?<!\\)([{}]|__)", r"\\\1", text) if wildcards.first(text) else text


def written(pieces: Iterable[WeightedText]) -> str:
    """Pieces in our grammar; raises ValueError where a weight is beyond -100 to 100."""
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
        return plain(text)
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{before}({plain(words)}:{factor}){after}"


def partners(text: str, opening: str, closing: str) -> dict[int, int]:
    """Where each bracket that has a partner opens and closes; a backslash makes one plain."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for mark in re.finditer(r"\\.|[" + re.escape(opening + closing) + "]", text, re.DOTALL):
        if mark[0] == opening:
            opened.append(mark.start())
        elif mark[0] == closing and opened:
            found[opened.pop()] = mark.start()
    return found
