"""Reads and writes the text that A1111 and tools like it put into pictures.

    a cat on a mat
    Negative prompt: blurry
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x768, Model: "my, model", Version: v1.10.1

The prompt, the negative prompt, and one last line of pairs; a value with a comma, a colon or a line break is written as
JSON. A1111's own pattern for that line (``modules/infotext_utils.py``) cuts values at a comma and skips keys of one
letter. This reader keeps both, and unquoted JSON, so nothing is lost.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import InputError

Pairs = tuple[tuple[str, str], ...]

_LONGEST: Final = 2_000_000
_FEWEST: Final = 3  # pairs that make a line the line of settings, as in A1111
_TRIES: Final = 20  # at parsing what looks like JSON; failing takes long
_NEGATIVE: Final = "Negative prompt:"
_NAME: Final = r"(?:\w[\w \-/.()+]{1,80}?:(?!//)|\w:(?=\s))"
_KEY: Final = re.compile(rf"\s*({_NAME})\s*")
_NEXT: Final = re.compile(rf",(?=\s*{_NAME}|\s*$)")
_QUOTED: Final = re.compile(r'"(?:\\.|[^\\"])+"', re.DOTALL)
_END: Final = re.compile(r"\s*(?:,|$)")


@dataclass(frozen=True)
class Infotext:
    """The parsed text; ``settings`` are all pairs in order, and a key may occur twice."""

    prompt: str
    negative: str = ""
    settings: Pairs = ()

    @classmethod
    def parse(cls, text: str) -> "Infotext":
        """Parse any text; without a line of settings it is all prompt. Raises InputError if it is far too long."""
        if len(text) > _LONGEST:
            raise InputError(f"the text in the picture is over {_LONGEST:,} letters long; it cannot be read")
        lines = text.strip().split("\n")
        start = _settings(lines)
        words = [line.strip() for line in lines[:start]]
        cut = next((n for n, line in enumerate(words) if line.startswith(_NEGATIVE)), len(words))
        negative = "\n".join(line.removeprefix(_NEGATIVE).strip() for line in words[cut:])
        return cls("\n".join(words[:cut]), negative, tuple(pairs("\n".join(lines[start:]))))


def pairs(line: str) -> Iterator[tuple[str, str]]:
    """Each key and value of a line of settings; text before the first key has the key ""."""
    at, tries = 0, _TRIES
    if not _KEY.match(line) and line.strip():
        value, at = _plain(line, 0)
        yield "", value
    while found := _KEY.match(line, at):
        value, at, broken = _value(line, found.end(), tries > 0)
        tries -= broken
        yield found[1].removesuffix(":").strip(), value


def format_infotext(prompt: str, negative: str, settings: Mapping[str, Any]) -> str:
    """The text as A1111 writes it."""
    words = [prompt, f"{_NEGATIVE} {negative}"] if negative else [prompt]
    return "\n".join([*words, ", ".join(f"{key}: {quoted(value)}" for key, value in settings.items())])


def quoted(value: Any) -> str:
    """A value as it is written in the line."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ',:\n"') else text


def _settings(lines: list[str]) -> int:
    """The first line of the settings: the last line or, if values contain line breaks, the last one with the steps."""
    last = len(lines) - 1
    likely = (n for n in range(last, -1, -1) if n == last or lines[n].startswith("Steps:"))
    return next((n for n in likely if _are_settings(lines[n])), len(lines))


def _are_settings(line: str) -> bool:
    return sum(1 for key, _ in pairs(line) if key) >= _FEWEST


def _value(line: str, at: int, may_be_json: bool) -> tuple[str, int, bool]:
    """The value that begins at ``at``, where the next key may begin, and whether it was broken JSON."""
    broken = False
    if found := _QUOTED.match(line, at):
        value, stop = _unquoted(found[0]), found.end()
    elif may_be_json and line[at : at + 1] in ("[", "{"):
        stop = _end_of_json(line, at)
        value, broken = line[at:stop], stop == at
    else:
        return *_plain(line, at), False
    end = _END.match(line, stop)
    return (value, end.end(), False) if end and not broken else (*_plain(line, at), broken)


def _plain(line: str, at: int) -> tuple[str, int]:
    """The value up to the comma before the next key."""
    found = _NEXT.search(line, at)
    return (line[at : found.start()].strip(), found.end()) if found else (line[at:].strip(), len(line))


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text


def _end_of_json(line: str, at: int) -> int:
    """Where the JSON that begins at ``at`` ends; ``at`` itself if it is not JSON."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(line, at)[1]
    except (ValueError, RecursionError):
        return at
