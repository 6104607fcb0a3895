"""SwarmUI's prompts: ComfyUI's weights, and tags.

Tags are ``<alternate:a, b>``, ``<fromto[0.5]:a, b>``, ``<random:a|b>``, ``<wildcard:name>``, ``<embed:name>``,
``<lora:name:0.8>``, ``<break>``. What follows ``<segment:…>``, ``<region:…>``, ``<refiner>`` and similar ones is for a
part of the picture. See "Advanced Prompt Syntax" in its documentation. In a picture's file alternation may already be
written as ``[a|b]`` and ``[a:b:0.5]``, which our grammar has too.
"""

import re
from pathlib import PurePosixPath
from typing import Final

from studio.imports.prompt_dialects import comfy, escape

_PART: Final = re.compile(r"<(?:segment|object|region|clear|extend|base|refiner|video|videoswap|pixeldecoder)\b[^<>]*>")
_TAG: Final = re.compile(r"<(\w{1,20})(?:\[([^\[\]<>]{0,50})\])?(?::([^<>]*))?>")
_TURNS: Final = re.compile(r"\[[^\[\]<>|:]+(?:\|[^\[\]<>|:]+)+\]|\[[^\[\]<>|:]*:[^\[\]<>|:]+:(?:\d+\.?\d*|\.\d+)\]")
_LEFT_OPEN: Final = re.compile(r"<(?:alt|alternate|fromto|random|wildcard|wc|embed|lora)\b")
_RANGE: Final = re.compile(r"\s*-?\d+(?:\.\d+)?-\d+(?:\.\d+)?\s*")
_STEP: Final = re.compile(r"\d{1,4}|\d?\.\d{1,6}")
_NAME: Final = re.compile(r"[^\W_](?:(?!__)[\w/-])*")
_FIRST, _MOST = 0xE000, 1_000
"""Letters of Unicode's private area are placeholders for finished text, at most that many."""


def to_studio(prompt: str, apart: list[tuple[str, str]]) -> str:
    """The prompt in our grammar.

    ``apart`` receives what is not part of the prompt for the whole picture: each tag, with the name in it or the words
    after it. Raises ValueError for nested tags, and for random words other than a choice of one.
    """
    cuts = list(_PART.finditer(prompt))
    edges = [*(cut.start() for cut in cuts), len(prompt)]
    here = _PromptConverter(apart).of(prompt[: edges[0]])
    apart += [(cut[0], prompt[cut.end() : end].strip()) for cut, end in zip(cuts, edges[1:], strict=True)]
    return here


class _PromptConverter:
    """Replaces finished text with placeholders, so that ComfyUI's syntax is only read in the rest."""

    def __init__(self, apart: list[tuple[str, str]]) -> None:
        self._apart = apart
        self._finished: list[str] = []

    def of(self, prompt: str) -> str:
        prompt = _TAG.sub(self._tag, _TURNS.sub(lambda found: self._aside(found[0]), prompt))
        if open_ := _LEFT_OPEN.search(prompt):
            raise ValueError(f"'{open_[0]}…>' contains other tags")
        return re.sub("[\ue000-\uf8ff]", self._back, comfy.to_studio(prompt)).strip()

    def _aside(self, text: str) -> str:
        if len(self._finished) == _MOST:
            raise ValueError(f"it has over {_MOST:,} tags")
        self._finished.append(text)
        return chr(_FIRST + len(self._finished) - 1)

    def _back(self, found: re.Match[str]) -> str:
        at = ord(found[0]) - _FIRST
        return self._finished[at] if at < len(self._finished) else found[0]

    def _tag(self, found: re.Match[str]) -> str:
        name, before, inside = found[1], found[2] or "", found[3] or ""
        if name == "comment":
            return ""
        if (words := _replaced(name, before, inside)) is not None:
            return self._aside(words)
        self._apart.append((found[0], inside))
        return self._aside(escape(PurePosixPath(inside).stem)) if name in ("embed", "embedding") else ""


def _replaced(name: str, before: str, inside: str) -> str | None:
    """A tag in our grammar; None if it has no equivalent."""
    match name:
        case "break":
            return " BREAK "
        case "alternate" | "alt":
            return f"[{'|'.join(_options(inside))}]"
        case "fromto":
            return _turned(_options(inside), before)
        case "random":
            return _drawn(_options(inside), before)
        case "wildcard" | "wc" if _NAME.fullmatch(inside):
            return f"__{inside}__"
    return None


def _options(inside: str) -> list[str]:
    """The options in a tag: separated by two bars, else by one, else by commas."""
    mark = next((mark for mark in ("||", "|") if mark in inside), ",")
    return [re.sub(r"[|:]", r"\\\g<0>", comfy.to_studio(option.strip())) for option in inside.split(mark)]


def _turned(options: list[str], when: str) -> str:
    if len(options) != 2 or not _STEP.fullmatch(when):
        raise ValueError("'<fromto…>' needs two words and a step")
    return f"[{options[0]}:{options[1]}:{when}]"


def _drawn(options: list[str], count: str) -> str:
    if count or any(map(_RANGE.fullmatch, options)):
        raise ValueError("'<random…>' chooses several of its options, or numbers")
    return "{" + "|".join(options) + "}"
