"""Converts prompts between ComfyUI's grammar and ours.

ComfyUI has only weights, after its ``sd1_clip.py``: ``(red)`` is 1.1 times the weight around it, ``(red:1.3)`` is 1.3,
whatever the weight around it, and ``\\(`` is a plain bracket. Everything else in ``prompts.grammar`` is plain text
there: square brackets, BREAK, AND, ``<lora:…>``. Its canvas chooses from {red|blue} at random before anything runs,
where ``\\{`` is a plain brace (``processDynamicPrompt`` in its formatUtil.ts).
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
class ConvertedPrompt:
    """A prompt in the studio's grammar; ``embeddings`` are the files it uses, each with its word in ``text``."""

    text: str
    embeddings: tuple[tuple[str, str], ...] = ()
    weighted: bool = False
    lowered: bool = False


def to_studio(text: str, *, drawn: bool = True) -> ConvertedPrompt:
    """Convert a prompt of ComfyUI; with ``drawn`` its braces are plain text."""
    names: dict[str, str] = {}
    text = text if drawn else _ESCAPED_BRACE.sub(lambda found: _STANDS_FOR[found[1]], text)
    words = _EMBEDDING.sub(lambda found: names.setdefault(found[1], _word(found[1])), text)
    pieces = [piece for piece in _pieces(words) if piece.text]
    converted = "".join(_written(piece, drawn=drawn) for piece in pieces).translate({} if drawn else _BRACE)
    lowered = _OPERATOR.sub(lambda found: found[0].lower(), converted)
    weighted = any(piece.weight != 1 for piece in pieces)
    return ConvertedPrompt(lowered, tuple(names.items()), weighted, lowered != converted)


def _word(file: str) -> str:
    """An embedding's word in the prompt: its file name."""
    return re.sub(r"[^\w.+-]", "-", PurePosixPath(file.replace("\\", "/")).name.removesuffix(".safetensors"))


def _pieces(text: str) -> Iterator[WeightedText]:
    """The text without brackets and weights, in pieces with their weights."""
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
    """For each matched opening bracket, where the words within end, before a weight, and where it closes."""
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


def to_comfyui(text: str) -> list[str]:
    """Convert a prompt of ours, without its LoRAs: one text for each section between BREAKs.

    Raises InputError that names what ComfyUI's grammar lacks: schedules, alternation, AND.
    """
    parsed = parse(text)
    if turn := parsed.first_change():
        raise InputError(f"'{turn}' in the prompt has no equivalent in ComfyUI's grammar; remove it")
    return ["".join(map(_marked, section)) for section in parsed.parts[0].at(0, 1)] or [""]


def _marked(piece: WeightedText) -> str:
    text = re.sub(r"[()]", r"\\\g<0>", piece.text)
    return text if piece.weight == 1 else f"({text}:{piece.weight:g})"
