"""The grammar of prompts, which is A1111's.

    (red)  (red:1.3)  [red]     weights: 1.1, 1.3, and 1 / 1.1 for what is in the brackets
    [cat:dog:0.5]  [dog:6]      a schedule: another word from half of the steps on, or after step 6
    [cat|dog]                   alternating words, step by step
    a cat BREAK on a mat        what follows is encoded in a chunk of its own
    a cat AND a dog :0.5        both at once, each with its weight
    <lora:name:0.8>             a LoRA by its name, never a path, and its weight
    <lora:name:0.5:1>           its weights in the text encoders and the denoiser; <lora:name:te=0.5:unet=1> is the same
    \\( \\) \\[ \\] \\{ \\| \\_ …    the character itself

After https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Features and the examples in its
``prompt_parser.py``, with one difference: a bracket without its partner is plain text.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from studio.errors import InputError
from studio.prompts import wildcards
from studio.prompts.lora import Lora

_DEEPEST: Final = 50
_STRONGER: Final = 1.1  # factor of round brackets; square ones divide by it
_PARTNERS: Final = {")": "(", "]": "["}
_ESCAPED = re.compile(r"\\([()\[\]{}|:_<>\\])")
_LORA = re.compile(r"(?<!\\)<(lora|lyco|hypernet):([^<>]*)>")
_PATH = re.compile(r"[/~]|.*\\|(.*/)?\.\.(/|$)")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*")


class WeightedText(NamedTuple):
    """Text and its weight."""

    text: str
    weight: float


Section = tuple[WeightedText, ...]
Wording = tuple[Section, ...]
"""The text of one step: sections separated by BREAK."""


@dataclass(frozen=True)
class Weighted:
    """Nodes whose weights are multiplied by ``factor``."""

    inside: "Nodes"
    factor: float
    source: str


@dataclass(frozen=True)
class Scheduled:
    """One text before step ``when`` and another from then on; with a decimal point ``when`` is a share of the steps."""

    before: "Nodes"
    after: "Nodes"
    when: str
    source: str

    def chosen(self, step: int, steps: int) -> "Nodes":
        first = int(float(self.when) * steps) if "." in self.when else int(self.when)
        return self.before if step < min(first, steps) else self.after


@dataclass(frozen=True)
class Alternating:
    """Texts that alternate, one for each step."""

    options: tuple["Nodes", ...]
    source: str

    def chosen(self, step: int, steps: int) -> "Nodes":  # noqa: ARG002 as a schedule's
        return self.options[step % len(self.options)]


Node = str | Weighted | Scheduled | Alternating
Nodes = tuple[Node, ...]


@dataclass(frozen=True)
class PromptPart:
    """One of the prompts joined by AND, and its weight."""

    nodes: Nodes
    weight: float = 1.0

    def at(self, step: int, steps: int) -> Wording:
        """The text at ``step`` (from 0) of ``steps``."""
        return _sections(_flat(self.nodes, step, steps, 1.0))


@dataclass(frozen=True)
class ParsedPrompt:
    """A parsed prompt: at least one part, and its LoRAs."""

    parts: tuple[PromptPart, ...]
    loras: tuple[Lora, ...]

    def mark(self) -> str:
        """The first syntax in the prompt, as written; empty where it is plain words."""
        if len(self.parts) > 1:
            return "AND"
        wording = self.parts[0].at(0, 1)
        return _first_mark(self.parts[0].nodes, weights=True) or ("BREAK" if len(wording) > 1 else "")

    def first_change(self) -> str:
        """The first syntax, as written, that changes between steps, or AND; empty where there is none."""
        return "AND" if len(self.parts) > 1 else _first_mark(self.parts[0].nodes, weights=False)

    def plain(self) -> str:
        """The prompt's text without any syntax."""
        return "".join(piece.text for section in self.parts[0].at(0, 1) for piece in section)


@lru_cache(maxsize=256)  # the job, the family, the request and each step parse the same prompt
def parse(text: str) -> ParsedPrompt:
    """Parse a prompt; raises InputError for an invalid LoRA or brackets nested over fifty deep."""
    named = loras(text)
    text = without_loras(text)
    enclosed = _enclosed(text)
    cuts = [found.span() for found in _AND.finditer(text) if found.start() not in enclosed]
    if not cuts:
        return ParsedPrompt((PromptPart(_nodes(text)),), named)
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    return ParsedPrompt(tuple(_part(text[a:b]) for a, b in zip(starts, ends, strict=True)), named)


def loras(text: str) -> tuple[Lora, ...]:
    """The LoRAs of a prompt, also before its wildcards are drawn; raises InputError for an invalid one."""
    return tuple(_lora(found) for found in _LORA.finditer(text))


def without_loras(text: str, which: Callable[[str], bool] = bool) -> str:
    """A prompt without its LoRA tags; or without those whole tags, "<lora:…>", for which ``which`` is true."""
    return _LORA.sub(lambda found: "" if which(found[0]) else found[0], text)


def without_drawn_loras(text: str) -> str:
    """A prompt without LoRA tags that contain wildcards, since their LoRAs are known only once these are drawn."""
    return without_loras(text, lambda tag: bool(wildcards.first(tag)))


def _lora(found: re.Match[str]) -> Lora:
    if found[1] == "hypernet":
        raise InputError(f"{found[0]}: hypernetworks are not supported; take it out of the prompt")
    lora = Lora.parse(_plain(found[2]))
    if _PATH.match(lora.part):  # prompts can come from anywhere, and a path would open a file
        raise InputError(
            f"{found[0]}: a prompt names a LoRA and gives no path; choose the file among the LoRAs instead"
        )
    return lora


def _part(text: str) -> PromptPart:
    words, colon, weight = text.rpartition(":")
    if colon and _NUMBER.fullmatch(weight):
        return PromptPart(_nodes(words.strip()), float(weight))
    return PromptPart(_nodes(text.strip()))


def _pairs(text: str) -> dict[int, int]:
    """The positions of each pair of brackets, opening to closing."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for at, mark in _marks(text, "()[]"):
        if mark in _PARTNERS.values():
            opened.append(at)
        elif opened and text[opened[-1]] == _PARTNERS[mark]:
            found[opened.pop()] = at
    return found


def _marks(text: str, marks: str) -> Iterator[tuple[int, str]]:
    """The position of each of ``marks`` that is not escaped by a backslash."""
    for found in re.finditer(r"\\.|[" + re.escape(marks) + "]", text, re.DOTALL):
        if len(found[0]) == 1:
            yield found.start(), found[0]


def _outermost(pairs: dict[int, int]) -> Iterator[tuple[int, int]]:
    last = -1
    for start in sorted(pairs):
        if start > last:
            last = pairs[start]
            yield start, last


def _enclosed(text: str) -> set[int]:
    """The positions within brackets."""
    return {at for start, end in _outermost(_pairs(text)) for at in range(start, end)}


def _nodes(text: str, depth: int = 0) -> Nodes:
    if depth > _DEEPEST:
        raise InputError(f"the prompt's brackets are nested over {_DEEPEST} deep; take some out")
    nodes, at = list[Node](), 0
    for start, end in _outermost(_pairs(text)):
        nodes += [text[at:start], _bracket(text[start : end + 1], depth)]
        at = end + 1
    return tuple(node for node in [*nodes, text[at:]] if node != "")


def _bracket(source: str, depth: int) -> Node:
    inside = source[1:-1]
    if source[0] == "(":
        words, colon, weight = inside.rpartition(":")
        if colon and (number := _NUMBER.fullmatch(weight)):
            return Weighted(_nodes(words, depth + 1), float(number[1]), source)
        return Weighted(_nodes(inside, depth + 1), _STRONGER, source)
    *words_then, when = _split(inside, ":")
    if len(words_then) in (1, 2) and (number := _NUMBER.fullmatch(when)):
        before, after = (_nodes(words, depth + 1) for words in ["", *words_then][-2:])
        return Scheduled(before, after, number[1], source)
    if len(options := _split(inside, "|")) > 1:
        return Alternating(tuple(_nodes(option, depth + 1) for option in options), source)
    return Weighted(_nodes(inside, depth + 1), 1 / _STRONGER, source)


def _split(text: str, mark: str) -> list[str]:
    """The text split at each ``mark`` outside of brackets."""
    enclosed = _enclosed(text)
    cuts = [at for at, _ in _marks(text, mark) if at not in enclosed]
    return [text[a + 1 : b] for a, b in zip([-1, *cuts], [*cuts, len(text)], strict=True)]


def _flat(nodes: Nodes, step: int, steps: int, weight: float) -> Iterator[WeightedText]:
    for node in nodes:
        if isinstance(node, str):
            yield WeightedText(node, weight)
        elif isinstance(node, Weighted):
            yield from _flat(node.inside, step, steps, weight * node.factor)
        else:
            yield from _flat(node.chosen(step, steps), step, steps, weight)


def _sections(pieces: Iterator[WeightedText]) -> Wording:
    sections: list[list[WeightedText]] = [[]]
    for weight, same in groupby(pieces, lambda piece: piece.weight):
        first, *rest = _BREAK.split("".join(piece.text for piece in same))
        sections[-1].append(WeightedText(_plain(first), weight))
        sections += [[WeightedText(_plain(text), weight)] for text in rest]
    return tuple(tuple(piece for piece in section if piece.text) for section in sections)


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _first_mark(nodes: Nodes, *, weights: bool) -> str:
    for node in nodes:
        if isinstance(node, Scheduled | Alternating) or (weights and isinstance(node, Weighted) and node.factor != 1):
            return node.source
        if isinstance(node, Weighted) and (inner := _first_mark(node.inside, weights=weights)):
            return inner
    return ""
