"""The index: what was read from files and journals, and what is derived from it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from studio.galleries.database import Database
from studio.galleries.entry import Annotations, Place
from studio.galleries.file_metadata import FileMetadata
from studio.galleries.folders import place
from studio.galleries.fts import spaced
from studio.model_files.hashes import LAST, Stamp

_FACTS: Final = (
    "id", "told", "width", "height", "bytes", "recorded", "workflow", "title", "prompt", "negative", "seed",
)  # fmt: skip
_PUT: Final = f"INSERT INTO pictures ({', '.join(_FACTS)}) VALUES ({', '.join('?' * len(_FACTS))})"  # noqa: S608
_MOST: Final = 1000  # pictures in one query
UNKNOWN: Final = -(2**62)
"""The time of pictures whose time is unknown, in microseconds since 1970: before all others."""

_ORDER: Final = {"here": 0, "input": 1, "trash": 2}


class Index(Database):
    """The known files and pictures. Its methods may be called from any thread."""

    def stamps(self) -> dict[str, Stamp]:
        """Every known file by path, with its stamp from when it was read."""
        rows = self.ask("SELECT path, size, modified, changed FROM files")
        return {path: Stamp(*stamp) for path, *stamp in rows}

    def stamp(self, path: Path) -> Stamp | None:
        """The stamp of a file from when it was read, None if it is not known."""
        rows = self.ask("SELECT size, modified, changed FROM files WHERE path = ?", str(path))
        return Stamp(*rows[0]) if rows else None

    def put(self, path: Path, place: Place, stamp: Stamp, facts: FileMetadata | str) -> None:
        """A file contains this picture, or cannot be read for the given reason."""
        before = self.ask("SELECT id FROM files WHERE path = ?", str(path))
        found, problem = (facts.id, "") if isinstance(facts, FileMetadata) else (None, facts)
        if isinstance(facts, FileMetadata) and not self.ask("SELECT 1 FROM pictures WHERE id = ?", facts.id):
            self._put_facts(facts)
        self.ask("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", str(path), place, found, problem, *stamp)
        for picture in filter(None, {found, *(one for (one,) in before)}):
            self.settle(picture)

    def _put_facts(self, facts: FileMetadata) -> None:
        values = (facts.id, facts.made, *facts.size, facts.file_size, facts.recorded, facts.workflow, facts.title)
        self.ask(_PUT, *values, facts.prompt, facts.negative, facts.seed)
        self.ask("INSERT OR REPLACE INTO looks VALUES (?, ?)", facts.id, facts.perceptual_hash)
        for used in facts.uses:
            self.ask("INSERT OR IGNORE INTO uses VALUES (?, ?, ?, ?)", facts.id, used.kind, used.name, used.licence)
        for parent in facts.parents:
            self.ask("INSERT OR IGNORE INTO parents VALUES (?, ?, ?)", facts.id, parent.id, parent.input)

    def forget(self, path: Path, stamp: Stamp | None = None) -> list[str]:
        """A file is gone; ignored if it was read again since ``stamp``.

        Returns the picture that is gone with it, if it was its last file.
        """
        same = "" if stamp is None else " AND size = ? AND modified = ? AND changed = ?"
        gone = self.ask(f"DELETE FROM files WHERE path = ?{same} RETURNING id", str(path), *(stamp or ()))  # noqa: S608
        return [picture for (picture,) in gone if picture and not self.settle(picture)]

    def move(self, before: Path, now: Path, stamp: Stamp) -> None:
        """A file has a new path."""
        rows = self.ask("DELETE FROM files WHERE path = ? RETURNING id, problem", str(before))
        for picture, problem in rows:
            values = (str(now), place(now), picture, problem, *stamp)
            self.ask("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", *values)
            if picture:
                self.settle(picture)

    def settle(self, picture: str) -> bool:
        """Update what is derived from a picture's files and annotations; return whether it has any file."""
        files = self.ask("SELECT place, path, modified FROM files WHERE id = ?", picture)
        if not files:
            self._drop(picture)
            return False
        place, path, _ = min(files, key=lambda file: (_ORDER[file[0]], file[1]))
        oldest = min(modified for _, _, modified in files)
        oldest = oldest // 1000 if abs(oldest) < LAST else UNKNOWN
        sql = "UPDATE pictures SET place = ?, path = ?, made = coalesce(told, ?) WHERE id = ?"
        self.ask(sql, place, path, oldest, picture)
        self._put_words(picture, " ".join(sorted({Path(path).stem for _, path, _ in files})))
        return True

    def _drop(self, picture: str) -> None:
        self.ask("DELETE FROM words WHERE rowid = (SELECT number FROM pictures WHERE id = ?)", picture)
        for table in ("pictures", "looks", "uses", "parents"):
            self.ask(f"DELETE FROM {table} WHERE id = ?", picture)  # noqa: S608

    def _put_words(self, picture: str, names: str) -> None:
        ((number, prompt, negative, note, title, workflow),) = self.ask(
            "SELECT number, prompt, negative, coalesce(note, ''), title, workflow "
            "FROM pictures LEFT JOIN marks USING (id) WHERE id = ?",
            picture,
        )
        tags = " ".join(name for (name,) in self.ask("SELECT name FROM labels WHERE id = ? AND kind = 'tag'", picture))
        uses = self.ask("SELECT kind, name, licence FROM uses WHERE id = ? ORDER BY kind, name", picture)
        by = {kind: " | ".join(name for what, name, _ in uses if what == kind) for kind in ("model", "lora")}
        licence = " | ".join(claimed for _, _, claimed in uses)
        words = (prompt, negative, note, tags, names, title, workflow, by["model"], by["lora"], licence)
        self.ask("DELETE FROM words WHERE rowid = ?", number)
        self.ask(f"INSERT INTO words (rowid, {COLUMNS}) VALUES (?{', ?' * 10})", number, *map(spaced, words))  # noqa: S608

    def put_marks(self, marks: Mapping[str, Annotations]) -> None:
        """Set the annotations of these pictures; empty ones are deleted."""
        before = self.marks(marks if len(marks) < _MOST else None)
        for picture, annotations in marks.items():
            self._put_marks(picture, annotations)
            if _words_of(before.get(picture, Annotations())) != _words_of(annotations):
                self.settle(picture)

    def _put_marks(self, picture: str, marks: Annotations) -> None:
        for table in ("labels", "marks"):
            self.ask(f"DELETE FROM {table} WHERE id = ?", picture)  # noqa: S608
        if marks != Annotations():
            self.ask("INSERT INTO marks VALUES (?, ?, ?, ?)", picture, marks.favourite, marks.rating, marks.note)
        for kind, names in (("tag", marks.tags), ("collection", marks.collections)):
            for name in names:
                self.ask("INSERT OR IGNORE INTO labels VALUES (?, ?, ?, ?)", picture, kind, name.casefold(), name)

    def journals(self) -> dict[str, Stamp]:
        """The journals that were read, by path, with their stamps from then."""
        rows = self.ask("SELECT path, size, modified, changed FROM journals")
        return {path: Stamp(*stamp) for path, *stamp in rows}

    def put_journals(self, journals: Mapping[str, Stamp]) -> None:
        """Exactly these journals were read."""
        self.ask("DELETE FROM journals")
        for path, stamp in journals.items():
            self.ask("INSERT INTO journals VALUES (?, ?, ?, ?)", path, *stamp)

    def marks(self, pictures: Iterable[str] | None = None) -> dict[str, Annotations]:
        """The annotations of these pictures, or of all, without those that have none."""
        wanted = None if pictures is None else list(pictures)
        labels: dict[tuple[str, str], list[str]] = {}
        for picture, kind, name in self._about(wanted, "id, kind, name FROM labels", "ORDER BY key"):
            labels.setdefault((picture, kind), []).append(name)
        rows = self._about(wanted, "id, favourite, rating, note FROM marks")
        return {
            picture: Annotations(bool(favourite), rating, note, *(tuple(labels.get((picture, k), ())) for k in LABELS))
            for picture, favourite, rating, note in rows
        }

    def _about(self, pictures: Sequence[str] | None, what: str, order: str = "") -> list[tuple[Any, ...]]:
        """Rows for these pictures, or for all."""
        where = "" if pictures is None else f"WHERE id IN ({', '.join('?' * len(pictures))})"
        return self.ask(f"SELECT {what} {where} {order}", *(pictures or ()))


def _words_of(marks: Annotations) -> tuple[str, tuple[str, ...]]:
    """The parts of the annotations that are searched as words."""
    return marks.note, marks.tags


COLUMNS: Final = "prompt, negative, note, tags, name, title, workflow, model, lora, licence"
LABELS: Final = ("tag", "collection")
INSIDE: Final = "path >= ? AND path < ?"


def inside(folder: Path) -> tuple[str, str]:
    """The bounds of all paths within a folder, for ``INSIDE``."""
    begin = str(folder / "x")[:-1]
    return begin, begin[:-1] + chr(ord(begin[-1]) + 1)
