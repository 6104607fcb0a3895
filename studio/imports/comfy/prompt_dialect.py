"""Prompts from one grammar into the other.

ComfyUI's has weights alone, after its ``sd1_clip.py``: ``(red)`` counts 1.1 times what stands around it, ``(red:1.3)``
1.3 times, whatever stands around it, and ``\\(`` is the mark itself. All else that is a mark in ``prompt_grammar`` is
plain text there: square brackets, BREAK, AND, ``<lora:…>``. Its canvas draws {red|blue} by lot before anything runs,
where ``\\{`` is the mark itself (``processDynamicPrompt`` in its formatUtil.ts).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from studio.errors import InputError
from studio.prompts.grammar import WeightedText, parse

_MARK = re.compile(r"\\([()])|([()])")
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)\s*")
_EMBEDDING = re.compile(r"embedding:([^\s,:()\[\]{}|<>]+)")
_OPERATOR = re.compile(r"\b(BREAK|AND)\b")
_ESCAPED_BRACE: Final = re.compile(r"\\([{}|])")
_STANDS_FOR: Final = dict(zip("{}|", "\ue000\ue001\ue002", strict=True))
_BRACE: Final = {ord(stand): rf"\{brace}" for brace, stand in _STANDS_FOR.items()}
_STRONGER: Final = 1.1


@dataclass(frozen=True)
class Said:
    """A prompt in the studio's grammar; ``embeddings`` are the files that it names, each with its word in ``text``."""

    text: str
    embeddings: tuple[tuple[str, str], ...] = ()
    weighted: bool = False
    lowered: bool = False


def ours(text: str, *, drawn: bool = True) -> Said:
    """What a prompt of ComfyUI's says; with ``drawn`` its braces are plain text."""
    names: dict[str, str] = {}
    text = text if drawn else _ESCAPED_BRACE.sub(lambda found: _STANDS_FOR[found[1]], text)
    words = _EMBEDDING.sub(lambda found: names.setdefault(found[1], _word(found[1])), text)
    pieces = [piece for piece in _pieces(words) if piece.text]
    said = "".join(_written(piece, drawn=drawn) for piece in pieces).translate({} if drawn else _BRACE)
    lowered = _OPERATOR.sub(lambda found: found[0].lower(), said)
    weighted = any(piece.weight != 1 for piece in pieces)
    return Said(lowered, tuple(names.items()), weighted, lowered != said)


def _word(file: str) -> str:
    """What an embedding is called in the prompt: by its file alone."""
    return re.sub(r"[^\w.+-]", "-", PurePosixPath(file.replace("\\", "/")).name.removesuffix(".safetensors"))


def _pieces(text: str) -> Iterator[WeightedText]:
    """The text without its marks, and how strongly each piece counts."""
    ends = _groups(text)
    closing, weights, at = {end: inner for inner, end in ends.values()}, [1.0], 0
    for found in _MARK.finditer(text):
        start = found.start()
        if found[1] is not None:
            yield WeightedText(text[at:start] + found[1], weights[-1])
        elif start in ends:
            yield WeightedText(text[at:start], weights[-1])
            weights.append(_weight(text[slice(*ends[start])], weights[-1]))
        elif start in closing:
            yield WeightedText(text[at : max(at, closing[start])], weights.pop())
        else:
            continue
        at = found.end()
    yield WeightedText(text[at:], 1.0)


def _groups(text: str) -> dict[int, tuple[int, int]]:
    """Each opening bracket that has a partner: where the words within end, before a weight, and where it closes."""
    opened, found = list[int](), dict[int, tuple[int, int]]()
    for mark in _MARK.finditer(text):
        if mark[2] == "(":
            opened.append(mark.start())
        elif mark[2] and opened:
            start, end = opened.pop(), mark.start()
            colon = text.rfind(":", start + 2, end)
            weighted = colon > 0 and _NUMBER.fullmatch(text, colon + 1, end)
            found[start] = (colon if weighted else end, end)
    return found


def _weight(tail: str, around: float) -> float:
    return float(tail[1:]) if tail else round(around * _STRONGER, 4)


def _written(piece: WeightedText, *, drawn: bool) -> str:
    text = re.sub(r"[\\()\[\]<]", r"\\\g<0>", piece.text).replace("__", r"\_\_")
    text = re.sub(r"[{}|]", r"\\\g<0>", text) if drawn else text
    return text if piece.weight == 1 else f"({text}:{piece.weight:g})"


def theirs(text: str) -> list[str]:
    """A prompt of ours for ComfyUI, without its LoRAs: one text for each section that BREAK parts.

    Raises InputError that names what ComfyUI's grammar has not: schedules, words that take turns, AND.
    """
    parsed = parse(text)
    if turn := parsed.first_change():
        raise InputError(f"'{turn}' in the prompt has no counterpart in ComfyUI's grammar; take it out")
    return ["".join(map(_marked, section)) for section in parsed.parts[0].at(0, 1)] or [""]


def _marked(piece: WeightedText) -> str:
    text = re.sub(r"[()]", r"\\\g<0>", piece.text)
    return text if piece.weight == 1 else f"({text}:{piece.weight:g})"
