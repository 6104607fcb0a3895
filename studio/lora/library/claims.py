"""What somebody says of a LoRA, and where it was found; none of it is trusted, all of it is shown."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any, Final, Literal

What = Literal["title", "base", "trigger", "weight", "licence", "description", "author"]

_LONGEST: Final = 2000  # letters of one text
_DEEPEST: Final = 4  # times that markup may be wrapped in markup
_LORA: Final = re.compile(r"<(?:lora|lyco):[^<>]*>")  # which whoever chooses the LoRA has already
_TAG: Final = re.compile(r"(<[^\s\d<>][^<>]*>?)")
_BEGINS_TAG: Final = re.compile(r"<(?=[^\s\d])")
_HIDING: Final = re.compile(r"<(/?)(?:script|style)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """One thing said: ``text`` is one line of plain text, ``source`` the file, or the key in it, that says so.

    It is text, never markup: whoever shows it on a page must write it as text.
    """

    what: What
    text: str
    source: str


def claims(source: str, what: What, *texts: Any) -> Iterator[Claim]:
    """A claim for each of the texts that says something; what is neither text nor number is passed over.

    Of markup the words are kept; but a trigger may be written like a tag, and stays as it is.
    """
    for text in texts:
        if isinstance(text, str | int | float) and not isinstance(text, bool):
            words = _LORA.sub("", str(text)) if what == "trigger" else without_markup(str(text))
            if line := one_line(words).strip(" ,"):
                yield Claim(what, line, source)


def first(said: Iterable[Claim], what: What) -> str:
    """The first text of a kind, "" where nothing is said."""
    return next((claim.text for claim in said if claim.what == what), "")


def one_line(text: str) -> str:
    """The text on one line, at most 2,000 letters, without letters that steer a terminal or turn its direction."""
    spaced = (" " if letter.isspace() else letter for letter in text[: 4 * _LONGEST])
    kept = "".join(letter for letter in spaced if unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    line = " ".join(kept.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def without_markup(text: str) -> str:
    """The words of a text that may be HTML: tags, scripts and entities are gone, also those wrapped in others."""
    text = text[: 10 * _LONGEST]
    for _ in range(_DEEPEST):
        text = unescape(" ".join(_words(text)))
    return " ".join(_BEGINS_TAG.sub("", text).split())


def _words(html: str) -> Iterator[str]:
    """What is no tag, and not within a script or style.

    The library's own parser takes a minute over 20 KB of hostile text.
    """
    hidden = False
    for piece in _TAG.split(html):
        if piece.startswith("<") and (found := _HIDING.match(piece)):
            hidden = not found[1]
        elif not hidden and not _BEGINS_TAG.match(piece):
            yield piece
