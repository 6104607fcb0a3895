"""A query's terms as SQL. A new filter is one line in ``FILTERS`` and one in ``query``."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from studio.galleries.fts import has_words, match
from studio.galleries.query import WORDS, Term, period

_TEXT_COLUMNS: Final = "prompt negative note tags name title"
_SHAPES: Final = {"landscape": "width > height", "portrait": "width < height", "square": "width = height"}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Condition(NamedTuple):
    """SQL that is true or false for each picture, never NULL, and its values."""

    sql: str
    values: tuple[Any, ...] = ()


def condition(term: Term) -> Condition:
    """The condition that makes the term true."""
    sql, values = FILTERS[term.key](term.value)
    return Condition(f"({sql})" if term.wanted else f"NOT ({sql})", values)


def _words(value: str) -> Condition:
    return _text(_TEXT_COLUMNS)(value) if has_words(value) else Condition("instr(prompt, ?)", (value,))


def _text(columns: str) -> Callable[[str], Condition]:
    sql = "number IN (SELECT rowid FROM words WHERE words MATCH ?)"
    return lambda value: Condition(sql, (match(columns, value),))


def _labelled(kind: str) -> Callable[[str], Condition]:
    sql = "id IN (SELECT id FROM labels WHERE kind = ? AND key = ?)"
    return lambda value: Condition(sql, (kind, value.casefold()))


def _seed(value: str) -> Condition:
    return Condition("number IN (SELECT number FROM pictures WHERE seed = ?)", (int(value),))


def _size(value: str) -> Condition:
    if value in _SHAPES:
        return Condition(_SHAPES[value])
    return Condition("width = ? AND height = ?", tuple(map(int, value.split("x"))))


def _date(value: str) -> Condition:
    begin, end = ((moment - EPOCH) // timedelta(microseconds=1) for moment in period(value))
    return Condition("made >= ? AND made < ?", (begin, end))


def _rating(value: str) -> Condition:
    return Condition("? = 0 OR id IN (SELECT id FROM marks WHERE rating >= ?)", (int(value), int(value)))


def _is(value: str) -> Condition:
    if value == "favourite":
        return Condition("id IN (SELECT id FROM marks WHERE favourite)")
    return Condition("place = ?", (value,))


FILTERS: Final[Mapping[str, Callable[[str], Condition]]] = MappingProxyType(
    {
        WORDS: _words,
        **{column: _text(column) for column in ("workflow", "model", "lora", "licence")},
        "seed": _seed,
        "size": _size,
        "date": _date,
        "rating": _rating,
        "tag": _labelled("tag"),
        "collection": _labelled("collection"),
        "is": _is,
    }
)
