"""What somebody says of a LoRA, and where it was found; none of it is trusted, all of it is shown."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Final, Literal

What = Literal["title", "base", "trigger", "weight", "licence", "description", "author"]

_LONGEST: Final = 2000  # letters of one text
_DEEPEST: Final = 4  # times that markup may be wrapped in markup


@dataclass(frozen=True)
class Claim:
    """One thing said: ``text`` is one line of plain text, ``source`` the file, or the key in it, that says so."""

    what: What
    text: str
    source: str


def claims(source: str, what: What, *texts: Any) -> Iterator[Claim]:
    """A claim for each of the texts that says something; what is neither text nor number is passed over."""
    for text in texts:
        if isinstance(text, str | int | float) and not isinstance(text, bool) and (line := one_line(str(text))):
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


def without_markup(html: str) -> str:
    """The words of a text that may be HTML; scripts, tags and entities are gone, however they were wrapped."""
    for _ in range(_DEEPEST):
        words = _Words.of(html)
        if words == html:
            return words
        html = words
    return html.replace("<", " ")


class _Words(HTMLParser):
    """Collects what is no tag, and no content of a script or style."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    @classmethod
    def of(cls, html: str) -> str:
        parser = cls()
        parser.feed(html[: 10 * _LONGEST])
        parser.close()
        return " ".join("".join(parser.words).split())

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        self._hidden += tag in {"script", "style"}
        self.words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in {"script", "style"}))
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)
