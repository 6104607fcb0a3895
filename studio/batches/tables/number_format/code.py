"""Number format codes as Excel writes them, in pieces."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<padding>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]|(?P<end>;)'
    r"|(?P<general>general)|(?P<half>am/pm|a/p)|(?P<exponent>e[+-])|(?P<moment>y+|m+|d+|h+|s+)"
    r"|(?P<digit>[0#?])|(?P<point>\.)|(?P<comma>,)|(?P<percent>%)|(?P<text>@)|(?P<literal>.)",
    re.IGNORECASE | re.DOTALL,
)
_COLOUR: Final = re.compile(r"black|blue|cyan|green|magenta|red|white|yellow|color ?\d{1,2}", re.IGNORECASE)
_CONDITION: Final = re.compile(r"(<=|>=|<>|=|<|>)\s*([+-]?\d+(?:\.\d+)?)")
_CURRENCY: Final = re.compile(r"\$(?P<symbol>[^-]*)(?:-(?P<language>[0-9A-Za-z,-]+))?")
_ENGLISH: Final = re.compile(r"[0-9a-f]{0,2}09|en(-\w+)?", re.IGNORECASE)  # an LCID in hexadecimal, or its BCP 47 tag
_ELAPSED: Final = re.compile(r"h+|m+|s+", re.IGNORECASE)


class Token(NamedTuple):
    """A piece of a format: its kind and its text.

    The kinds are the names in the pattern above, and "elapsed" for hours, minutes or seconds in square brackets.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Section:
    """A part of a format between semicolons.

    ``condition`` is a comparison and the number it is with, where the section says for which numbers it is.
    ``english`` is whether months and days go by their English names.
    """

    tokens: tuple[Token, ...] = ()
    condition: tuple[str, Decimal] | None = None
    english: bool = True

    def has(self, *kinds: str) -> bool:
        """Whether it has a piece of one of these kinds."""
        return any(token.kind in kinds for token in self.tokens)

    def count(self, kind: str) -> int:
        """How many pieces of a kind it has."""
        return sum(token.kind == kind for token in self.tokens)


@lru_cache(maxsize=256)
def sections(code: str) -> tuple[Section, ...]:
    """The sections of a format, one to four; raises ValueError for what is not known of it."""
    made, tokens = [Section()], list[Token]()
    for found in _TOKEN.finditer(code):
        if found.lastgroup == "end":
            made, tokens = [*made, Section()], []
        elif found["bracket"] is not None:
            made[-1] = _with_bracket(made[-1], found["bracket"])
            tokens += [Token("elapsed", found["bracket"].lower())] if _ELAPSED.fullmatch(found["bracket"]) else []
            tokens += [Token("quoted", money["symbol"])] if (money := _CURRENCY.fullmatch(found["bracket"])) else []
        else:
            tokens.append(_token(found))
        made[-1] = replace(made[-1], tokens=tuple(tokens))
    if len(made) > 4:
        raise ValueError("it has over four sections")
    return tuple(made)


def _with_bracket(section: Section, bracket: str) -> Section:
    """The section with what a bracket says of all of it; raises ValueError for one that is not known."""
    if found := _CONDITION.fullmatch(bracket):
        return replace(section, condition=(found[1], Decimal(found[2])))
    if money := _CURRENCY.fullmatch(bracket):
        return replace(section, english=section.english and bool(_ENGLISH.fullmatch(money["language"] or "en")))
    if not (_ELAPSED.fullmatch(bracket) or _COLOUR.fullmatch(bracket)):
        raise ValueError(f"'[{bracket}]' in it is not known")
    return section


def _token(found: re.Match[str]) -> Token:
    kind = found.lastgroup or ""
    if kind == "literal" and found[0].isascii() and found[0].isalpha():
        raise ValueError(f"'{found[0]}' in it is not known")
    if kind in ("padding", "fill"):
        return Token("quoted", " " if kind == "padding" else "")
    if kind in ("quoted", "escaped"):
        return Token("quoted", found[kind])
    return Token(kind, found[0].lower() if kind == "moment" else found[0])
