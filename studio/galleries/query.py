"""The search query language, the same on every surface.

    star navy "red circle"         words, or beginnings of words, in the prompt, the negative prompt, the note,
                                   the tags, the file's name or the workflow's title
    workflow:poster model:spark    made by this workflow, with this model or LoRA
    lora:neon licence:apache       … with a licence that is claimed to be this
    seed:7 size:512x512            also size:landscape, size:portrait and size:square
    date:2026-11                   in this year, in this month or on this day; date:2026-11-03..2026-11-09, date:2026..
    rating:4                       this many stars or more
    tag:print collection:"Spring"  exactly this tag or collection
    is:favourite                   also is:input, start pictures of others, and is:trash
    -tag:print                     not this

All terms must match.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from studio.errors import InputError
from studio.plugins import unknown

WORDS: Final = "words"
_KEYS: Final = (
    "workflow", "model", "lora", "licence", "seed", "size", "date", "rating", "tag", "collection", "is",
)  # fmt: skip
_ALSO: Final = {"license": "licence", "favorite": "favourite", "fav": "favourite"}
_IS: Final = ("favourite", "input", "trash")
_SHAPES: Final = ("landscape", "portrait", "square")
_TERM: Final = re.compile(r'(?P<no>-?)(?:(?P<key>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))')
_LONGEST, _MOST = 2000, 40


@dataclass(frozen=True)
class Term:
    """One condition, negated if ``wanted`` is false; ``key`` is "words" if none was written."""

    key: str
    value: str
    wanted: bool = True


@dataclass(frozen=True)
class Query:
    """Terms that must all match; an empty query finds every picture that is not in the trash."""

    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Query":
        """Parse a query; raises InputError for an unknown key or an invalid value."""
        found = [_term(match) for match in _TERM.finditer(_plain(text[:_LONGEST]))]
        return cls(tuple(term for term in found if term.value)[:_MOST])

    def wants(self, value: str) -> bool:
        """Whether ``is:value`` is one of the terms."""
        return Term("is", value) in self.terms


def _term(match: re.Match[str]) -> Term:
    key = (match["key"] or WORDS).lower()
    key, value = _ALSO.get(key, key), (match["quoted"] or match["plain"] or "").strip()
    if key != WORDS and value:
        value = _checked(key, _ALSO.get(value, value))
    return Term(key, value, not match["no"])


def _checked(key: str, value: str) -> str:
    """The value, if it is valid for the key."""
    if key not in _KEYS:
        raise InputError(f'{unknown("filter", key, _KEYS)}; for the words themselves write "{key} {value}"')
    if key == "is" and value not in _IS:
        raise InputError(unknown("filter is:", value, _IS))
    if key == "seed" and not re.fullmatch(r"[0-9]{1,18}", value):
        raise InputError(f"'seed:{value}' is not a seed; write a whole number as in seed:7")
    if key == "rating" and not re.fullmatch(r"[0-5]", value):
        raise InputError(f"'rating:{value}' is not a rating; write 0 to 5 as in rating:4")
    if key == "size" and value not in _SHAPES and not re.fullmatch(r"[0-9]{1,6}x[0-9]{1,6}", value):
        raise InputError(f"'size:{value}' is not a size; write size:512x512 or one of {', '.join(_SHAPES)}")
    if key == "date":
        period(value)
    return value


def period(text: str) -> tuple[datetime, datetime]:
    """The beginning and the exclusive end of a period in local time: "2026", "2026-11", "2026-11-03", "A..B", "A.." and
    "..B".

    Raises InputError for anything else.
    """
    first, between, last = text.partition("..")
    try:
        begin = _day(first)[0] if first else datetime(1, 1, 2).astimezone()
        end = _day(last if between else first)[1] if last or not between else datetime(9998, 1, 1).astimezone()
    except (ValueError, OverflowError):
        raise InputError(
            f"'date:{text}' is not a date; write date:2026, date:2026-11, date:2026-11-03 or date:2026-11..2027-01"
        ) from None
    return begin, end


def _day(text: str) -> tuple[datetime, datetime]:
    """The beginning of a year, month or day, and the beginning of the next."""
    if not re.fullmatch(r"\d{4}(-\d\d?){0,2}", text, re.ASCII):
        raise ValueError(text)
    year, month, day = (*map(int, text.split("-")), 0, 0)[:3]
    begin = datetime(year, month or 1, day or 1)
    if day:
        return begin.astimezone(), (begin + timedelta(days=1)).astimezone()
    later = (year + 1, 1) if not month or month == 12 else (year, month + 1)
    return begin.astimezone(), datetime(*later, 1).astimezone()


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
