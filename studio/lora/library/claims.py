"""Claims about a LoRA, with their sources; none of them is trusted, all of them are shown."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any, Final, Literal

ClaimField = Literal["title", "base", "trigger", "weight", "licence", "description", "author"]

_LONGEST: Final = 2000  # letters of one text
_DEEPEST: Final = 4  # times that markup may be wrapped in markup
_LORA: Final = re.compile(r"<(?:lora|lyco):[^<>]*>")  # whoever selects the LoRA has this already
_TAG: Final = re.compile(r"(<[^\s\d<>][^<>]*>?)")
_BEGINS_TAG: Final = re.compile(r"<(?=[^\s\d])")
_HIDING: Final = re.compile(r"<(/?)(?:script|style)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """One claim: ``text`` is one line of plain text, ``source`` the file that makes it, or the key in the metadata.

    It is text, never markup: a page must escape it.
    """

    field: ClaimField
    text: str
    source: str


def claims(source: str, field: ClaimField, *texts: Any) -> Iterator[Claim]:
    """A claim for each text that is not empty; values that are neither text nor number are skipped.

    Markup is removed, except from triggers, which may look like tags.
    """
    for text in texts:
        if isinstance(text, str | int | float) and not isinstance(text, bool):
            words = _LORA.sub("", str(text)) if field == "trigger" else without_markup(str(text))
            if line := one_line(words).strip(" ,"):
                yield Claim(field, line, source)


def first(found: Iterable[Claim], field: ClaimField) -> str:
    """The first text of a field, "" where nobody claims anything."""
    return next((claim.text for claim in found if claim.field == field), "")


def one_line(text: str) -> str:
    """The text on one line, at most 2,000 characters, without control characters and marks of text direction."""
    spaced = (" " if letter.isspace() else letter for letter in text[: 4 * _LONGEST])
    kept = "".join(letter for letter in spaced if unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    line = " ".join(kept.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def without_markup(text: str) -> str:
    """The words of a text that may be HTML, without tags, scripts and entities, even nested ones."""
    text = text[: 10 * _LONGEST]
    for _ in range(_DEEPEST):
        text = unescape(" ".join(_words(text)))
    return " ".join(_BEGINS_TAG.sub("", text).split())


def _words(html: str) -> Iterator[str]:
    """The text outside of tags, scripts and styles.

    The parser of the standard library takes a minute for 20 KB of hostile text.
    """
    hidden = False
    for piece in _TAG.split(html):
        if piece.startswith("<") and (found := _HIDING.match(piece)):
            hidden = not found[1]
        elif not hidden and not _BEGINS_TAG.match(piece):
            yield piece
