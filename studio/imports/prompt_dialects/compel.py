"""InvokeAI's prompts, parsed by Compel: ``word++``, ``(a phrase)-``, ``(a phrase)1.2``, and quotes for grouping.

A plus is 1.1, a minus 0.9. After the grammar in https://github.com/damian0815/compel, ``prompt_parser.py``.
"""

import re
from collections.abc import Iterator
from typing import Final

from studio.imports.prompt_dialects import format_pieces, matching_brackets
from studio.prompts.grammar import WeightedText

_WEIGHT: Final = re.compile(r"(\+{1,50}|-{1,50})|(\d+\.?\d*|\.\d+)")
_TOKEN: Final = re.compile(r"[()\"]|(?:\\.|[^\s()\",.=\\])+|\s+|.", re.DOTALL)
_WORD: Final = re.compile(r"(.*?(?:\\.|[^+\-\\]))(\+{1,50}|-{1,50})", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([()\",.+\-=])")
_CALL: Final = re.compile(r"\.(and|add|blend|swap|attend)\s*\(|\b(with|use)Lora\s*\(")


def to_studio(prompt: str) -> str:
    """The prompt in our grammar.

    Raises ValueError for what has no equivalent here (blend, and, swap), for brackets or quotes that do not match, and
    for a weight beyond -100 to 100.
    """
    if call := _CALL.search(prompt):
        raise ValueError(f"'{call[0]}…)' has no equivalent here")
    return format_pieces(_pieces(prompt))


def _pieces(prompt: str) -> Iterator[WeightedText]:
    groups = _groups(prompt)
    closing = {end: start for start, end in groups.items()}
    if len(re.findall(r'[()"]', _ESCAPED.sub("", prompt))) != 2 * len(groups):
        raise ValueError("a bracket or a quote is not closed")
    weights, at = [1.0], 0
    while token := _TOKEN.match(prompt, at):
        if at in closing:
            weights.pop()
            at = _after(prompt, at + 1)[0]
        elif at in groups:
            weights.append(weights[-1] * _after(prompt, groups[at] + 1)[1])
            at += 1
        else:
            yield _piece(token, weights[-1])
            at = token.end()


def _groups(prompt: str) -> dict[int, int]:
    """The positions of brackets and quotes: opening to closing."""
    quotes = [found.start() for found in re.finditer(r"\\.|\"", prompt, re.DOTALL) if found[0] == '"']
    return matching_brackets(prompt, "(", ")") | dict(zip(quotes[::2], quotes[1::2], strict=False))


def _after(prompt: str, at: int) -> tuple[int, float]:
    """Where the weight after a group ends, and its value."""
    found = _WEIGHT.match(prompt, at)
    if not found:
        return at, 1.0
    return found.end(), float(found[2]) if found[2] else _power(found[1])


def _power(marks: str) -> float:
    return (1.1 if marks[0] == "+" else 0.9) ** len(marks)


def _piece(token: re.Match[str], weight: float) -> WeightedText:
    if word := _WORD.fullmatch(token[0]):
        return WeightedText(_ESCAPED.sub(r"\1", word[1]), round(weight * _power(word[2]), 6))
    return WeightedText(_ESCAPED.sub(r"\1", token[0]), weight)
