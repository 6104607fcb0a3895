"""Searches the index: translates a query's terms to SQL and returns pages of results."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from studio.errors import InputError
from studio.galleries.entry import Annotations, GalleryEntry, GalleryPage, UsedAsset
from studio.galleries.index import INSIDE, Index, inside
from studio.galleries.query import Query
from studio.galleries.terms import EPOCH, Condition, condition

# of a GalleryEntry
_COLUMNS: Final = "id, place, path, made, width, height, bytes, recorded, workflow, title, prompt, negative, seed"

_FIRST_YEAR, _LAST_YEAR = 2, 9998  # a time zone may move a time by a day
_AT_ONCE: Final = 1000  # pictures in one query


def find(index: Index, query: Query, after: str, most: int, folder: Path | None) -> GalleryPage:
    """A page of results, newest first; raises InputError if ``after`` is not a page's ``next``."""
    conditions = list(_conditions(query, folder))
    ((total,),) = _select(index, "count(*)", conditions)
    newer = [Condition("(made, id) < (?, ?)", _place(after))] if after else []
    order = f"ORDER BY made DESC, id DESC LIMIT {int(most) + 1}"
    rows = _select(index, _COLUMNS, conditions + newer, order)
    more = f"{rows[most - 1][3]}-{rows[most - 1][0]}" if len(rows) > most else ""
    return GalleryPage(tuple(_entries(index, rows[:most])), more, total)


def ids(index: Index, query: Query) -> list[str]:
    """All results, newest first."""
    rows = _select(index, "id", _conditions(query, None), "ORDER BY made DESC, id DESC")
    return [picture for (picture,) in rows]


def entries(index: Index, ids: Sequence[str]) -> dict[str, GalleryEntry]:
    """Those of the pictures that are in the index, by their ids."""
    found: dict[str, GalleryEntry] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        some = ids[begin : begin + _AT_ONCE]
        condition = Condition(f"id IN ({', '.join('?' * len(some))})", tuple(some))
        found |= {entry.id: entry for entry in _entries(index, _select(index, _COLUMNS, [condition]))}
    return found


def names(index: Index, kind: str) -> dict[str, int]:
    """Every name of a kind in use by pictures outside the trash, with the number of pictures."""
    sources = {
        "tag": "SELECT name, key FROM labels JOIN pictures USING (id) WHERE kind = ?",
        "workflow": "SELECT workflow AS name, workflow AS key FROM pictures WHERE workflow != '' AND ? != ''",
        "model": "SELECT name, name AS key FROM uses JOIN pictures USING (id) WHERE kind = ?",
    }
    source = sources.get({"collection": "tag", "lora": "model"}.get(kind, kind), "")
    sql = f"SELECT min(name), count(*) FROM ({source} AND place = 'here') GROUP BY key ORDER BY key"  # noqa: S608
    return dict(index.ask(sql, kind))


def _select(index: Index, what: str, conditions: Iterable[Condition], order: str = "") -> list[tuple[Any, ...]]:
    conditions = list(conditions)
    where = " AND ".join(condition.sql for condition in conditions)
    values = [value for condition in conditions for value in condition.values]
    return index.ask(f"SELECT {what} FROM pictures WHERE {where} {order}", *values)  # noqa: S608


def _place(after: str) -> tuple[int, str]:
    made, _, picture = after.rpartition("-")
    try:
        return int(made), picture
    except ValueError:
        raise InputError(f"'{after}' is not the end of a page; start again with the first") from None


def _conditions(query: Query, folder: Path | None) -> Iterator[Condition]:
    if not (query.wants("input") or query.wants("trash")):
        yield Condition("place = 'here'")
    if folder:
        yield Condition(f"id IN (SELECT id FROM files WHERE {INSIDE})", inside(folder))  # noqa: S608
    for term in query.terms:
        yield condition(term)


def _entries(index: Index, rows: Sequence[tuple[Any, ...]]) -> Iterator[GalleryEntry]:
    ids = [row[0] for row in rows]
    marks, files, uses = index.marks(ids), _files(index, ids), _uses(index, ids)
    for picture, place, path, made, width, height, size, recorded, workflow, title, prompt, negative, seed in rows:
        annotations, used = marks.get(picture, Annotations()), tuple(uses.get(picture, ()))
        paths = tuple(Path(file) for file, where in files[picture] if where == place)
        yield GalleryEntry(
            picture, Path(path), paths, place, _moment(made), (width, height), size,
            bool(recorded), workflow, title, prompt, negative, seed, used, annotations,
        )  # fmt: skip


def _moment(made: int) -> datetime | None:
    """The time; None if no calendar can show it."""
    with suppress(OverflowError):
        moment = EPOCH + timedelta(microseconds=made)
        if _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            return moment
    return None


def _files(index: Index, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {picture: [] for picture in ids}
    holes = ", ".join("?" * len(ids))
    for picture, path, place in index.ask(
        f"SELECT id, path, place FROM files WHERE id IN ({holes}) ORDER BY path",  # noqa: S608
        *ids,
    ):
        found[picture].append((path, place))
    return found


def _uses(index: Index, ids: Sequence[str]) -> dict[str, list[UsedAsset]]:
    found: dict[str, list[UsedAsset]] = {}
    holes = ", ".join("?" * len(ids))
    sql = f"SELECT id, kind, name, licence FROM uses WHERE id IN ({holes}) ORDER BY kind DESC, name"  # noqa: S608
    for picture, kind, name, licence in index.ask(sql, *ids):
        found.setdefault(picture, []).append(UsedAsset(kind, name, licence))
    return found
