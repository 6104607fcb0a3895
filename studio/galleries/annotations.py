"""Ratings, tags and notes of pictures, kept in the pictures' folder: ``.studio/marks.jsonl``, one line per change.

    {"picture": "9f2c…", "at": "2026-11-03T10:00:00.000000+00:00", "rating": 4, "tags": {"print": true}}

``picture`` is the SHA-256 of the file's content, so a picture may be renamed, moved or copied, and no picture file is
ever changed. Lines are only appended. The last value wins, for each tag and collection separately; across journals the
one with the later time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, NamedTuple

from studio.errors import InputError, OutputError
from studio.files import strict_json
from studio.files.untrusted import read_lines
from studio.galleries.entry import AnnotationChange, Annotations
from studio.galleries.folders import JOURNAL, LARGEST, append, own

NAME, NOTE = 100, 10_000  # letters of a tag or collection, and of a note
_LINE: Final = 200_000


class JournalLine(NamedTuple):
    """One change of one picture, with its time."""

    at: str
    picture: str
    change: AnnotationChange


def checked(change: AnnotationChange) -> AnnotationChange:
    """The change, if it is valid; raises InputError otherwise."""
    if change.rating is not None and change.rating not in range(6):
        raise InputError.about("rating", f"{change.rating} is not a rating; give 0 to 5")
    if len(change.note or "") > NOTE:
        raise InputError.about("note", f"too long; at most {NOTE:,} letters")
    for name in (*change.tags, *change.collections):
        if name != " ".join(name.split()) or not name.isprintable() or not 0 < len(name) <= NAME:
            raise InputError(f"'{name}' cannot be a tag or collection; use one line of 1 to {NAME} letters")
    return change


def write(folder: Path, pictures: Iterable[str], change: AnnotationChange) -> None:
    """Append the change to the journal for each picture, flushed to the disk; raises OutputError if that fails."""
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    changed = {name: value for name, value in vars(change).items() if value not in (None, {})}
    lines = [json.dumps({"picture": picture, "at": at, **changed}) + "\n" for picture in pictures]
    path = own(folder) / JOURNAL
    try:
        append(path, "".join(lines).encode())
    except OSError as error:
        raise OutputError(f"cannot write to '{path}': {error.strerror or error}; nothing was marked") from None


def fold(journals: Iterable[Path]) -> dict[str, Annotations]:
    """The annotations of each picture, from all journals together."""
    builders: dict[str, _AnnotationsBuilder] = {}
    for line in sorted((line for path in journals for line in _lines(path)), key=lambda line: line.at):
        builders.setdefault(line.picture, _AnnotationsBuilder()).apply(line.change)
    return {picture: builder.annotations() for picture, builder in builders.items()}


def applied(marks: Annotations, change: AnnotationChange) -> Annotations:
    """The annotations of a picture after one more change."""
    builder = _AnnotationsBuilder.of(marks)
    builder.apply(change)
    return builder.annotations()


@dataclass
class _AnnotationsBuilder:
    """Annotations while changes are applied; tags and collections by their names in lower case."""

    favourite: bool = False
    rating: int = 0
    note: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    collections: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, marks: Annotations) -> "_AnnotationsBuilder":
        names = ({name.casefold(): name for name in kind} for kind in (marks.tags, marks.collections))
        return cls(marks.favourite, marks.rating, marks.note, *names)

    def apply(self, change: AnnotationChange) -> None:
        self.favourite = self.favourite if change.favourite is None else change.favourite
        self.rating = self.rating if change.rating is None else change.rating
        self.note = self.note if change.note is None else change.note
        _name(self.tags, change.tags)
        _name(self.collections, change.collections)

    def annotations(self) -> Annotations:
        tags, collections = (tuple(kind[key] for key in sorted(kind)) for kind in (self.tags, self.collections))
        return Annotations(self.favourite, self.rating, self.note, tags, collections)


def _name(names: dict[str, str], change: Mapping[str, bool]) -> None:
    for name, has in change.items():
        names.pop(name.casefold(), None)
        if has:
            names[name.casefold()] = name


def _lines(path: Path) -> list[JournalLine]:
    """The valid lines of a journal, in order; no line gets an earlier time than the one before."""
    try:
        whole = (text for text in read_lines(path, _LINE, LARGEST) if text.startswith(b"{"))
        lines = [line for text in whole if (line := _line(text))]
    except OSError:
        return []
    times = accumulate((line.at for line in lines), max)
    return [line._replace(at=at) for line, at in zip(lines, times, strict=True)]


def _line(text: bytes) -> JournalLine | None:
    """One parsed line, None if it is torn or not one of ours: anybody may have written it."""
    try:
        content = dict(strict_json.loads(text))
        change = checked(AnnotationChange(**dict(_known_fields(content))))
        picture, at = str(content["picture"]), datetime.fromisoformat(content["at"]).astimezone(UTC)
        return JournalLine(at.isoformat(timespec="microseconds"), picture, change) if len(picture) == 64 else None
    except (ValueError, KeyError, TypeError, OverflowError, InputError):
        return None


def _known_fields(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a line that are known and have the right type."""
    for name, kind in (("favourite", bool), ("rating", int), ("note", str)):
        if type(content.get(name)) is kind:
            yield name, _plain(content[name])
    for name in ("tags", "collections"):
        if isinstance(names := content.get(name), dict):
            yield name, {_plain(key): has for key, has in names.items() if isinstance(has, bool)}


def _plain(value: Any) -> Any:
    """Text that can be stored: no NUL, no lone surrogates."""
    return value.encode("utf-8", "replace").decode().replace("\0", "") if isinstance(value, str) else value
