"""The gallery: all pictures of some folders, found by what they are and by what people say of them.

Pictures are files, and all that is known of them is in the folders: in the files, and in a journal of what people
said. The index makes that quick to find and may be lost at any time.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from studio.errors import InputError
from studio.files.untrusted import is_file, is_folder, resolved
from studio.gallery import annotations, folders, lineage, perceptual_hash, refresh, search, thumbnails, trash
from studio.gallery.database import FILE
from studio.gallery.entry import (
    AnnotationChange,
    GalleryEntry,
    GalleryPage,
    Lineage,
    RefreshResult,
    SimilarPicture,
    TrashContents,
    UnreadableFile,
)
from studio.gallery.index import INSIDE, Index, inside
from studio.gallery.query import Query
from studio.model_files.hashes import Stamp

PAGE: Final = 60
_NONE: Final = "the gallery has no picture '{}'; give a file in one of its folders"


class Gallery:
    """The pictures in ``within`` and in every folder that was ever looked through. Its calls may come from any thread.

    ``state`` is where the index and the thumbnails are kept; several processes may share it. Every call raises
    OutputError where the index cannot be used: ``Gallery.anew`` makes another.
    """

    def __init__(self, state: Path, within: Iterable[Path] = (), patience: float = 5.0) -> None:
        """Open the gallery; nothing is looked through yet.

        ``patience`` is how many seconds to wait for another process that is writing.
        """
        self._state, self._small = state, state / "thumbnails"
        folders.remember(state, (resolved(folder) for folder in within if is_folder(folder)))
        self._index = Index(state / FILE, patience)

    @classmethod
    def anew(
        cls, state: Path, within: Iterable[Path] = (), tell: Callable[[int, int], None] | None = None
    ) -> "Gallery":
        """The gallery with its index made anew from the files alone, whatever became of the one before.

        ``tell`` hears how many files were read, of how many.
        """
        Index.clear(state / FILE)
        gallery = cls(state, within)
        gallery.refresh(tell)
        return gallery

    @property
    def folders(self) -> list[Path]:
        """The folders that are looked through, those that are there now."""
        return [folder for folder in folders.known(self._state) if is_folder(folder)]

    def close(self) -> None:
        """Let go of the index's file."""
        self._index.close()

    # Looking through the folders.

    def refresh(self, tell: Callable[[int, int], None] | None = None) -> RefreshResult:
        """Bring the index in line with the folders: files are read where they are new or have changed.

        ``tell`` hears how many were read so far, and of how many.
        """
        return refresh.refresh(self._index, folders.known(self._state), tell, folders.damaged(self._state))

    def add(self, path: Path) -> None:
        """Put a picture into the index that was just written; its folder is looked through from now on."""
        path = resolved(path)
        if folders.home(path, folders.known(self._state)) is None:
            folders.remember(self._state, [path.parent])
        refresh.read(self._index, path)

    def unreadable(self) -> list[UnreadableFile]:
        """Files that look like pictures and cannot be read, as of the last refresh."""
        rows = self._index.ask("SELECT path, problem FROM files WHERE id IS NULL ORDER BY path")
        return [UnreadableFile(Path(path), why) for path, why in rows]

    # Finding.

    def find(
        self, query: Query | str = "", *, after: str = "", most: int = PAGE, folder: Path | None = None
    ) -> GalleryPage:
        """What a query finds, newest first: ``most`` of them, from the first or from where a page's ``next`` says.

        ``folder`` finds only what lies in there. Raises InputError for a query that makes no sense.
        """
        asked = Query.parse(query) if isinstance(query, str) else query
        return search.find(self._index, asked, after, most, resolved(folder) if folder else None)

    def ids(self, query: str = "") -> list[str]:
        """The ids of all that a query finds, newest first; raises InputError as ``find`` does."""
        return search.ids(self._index, Query.parse(query))

    def entries(self, pictures: Iterable[str]) -> dict[str, GalleryEntry]:
        """Those of the pictures that are here, by their ids."""
        return search.entries(self._index, list(pictures))

    def entry(self, picture: str | Path) -> GalleryEntry:
        """One picture, by its id, the beginning of its id, or a file; raises InputError where it is none of ours."""
        name = str(picture)
        rows = self._by_path(name) or self._index.ask(
            "SELECT id FROM pictures WHERE id >= ? AND id < ? LIMIT 2", name.lower(), f"{name.lower()}g"
        )
        if len(rows) != 1 or not name:
            raise InputError(_NONE.format(name))
        return search.entries(self._index, [rows[0][0]])[rows[0][0]]

    def _by_path(self, name: str) -> list[tuple[str]]:
        path = Path(name)
        try:
            path = resolved(path.parent) / path.name
            if is_file(path) and not path.is_symlink() and folders.home(path, self.folders):
                refresh.read(self._index, path)
        except (OSError, ValueError):  # a NUL, or a name too long
            return []
        return self._index.ask("SELECT id FROM files WHERE path = ? AND id IS NOT NULL", str(path))

    def names(self, kind: str) -> dict[str, int]:
        """Every "tag", "collection", "model", "lora" or "workflow" there is, with how many pictures have it."""
        return search.names(self._index, kind)

    def lineage(self, picture: str) -> Lineage:
        """What a picture came from and what came from it."""
        return lineage.of(self._index, picture)

    def similar(self, picture: str, most: int = 12) -> list[SimilarPicture]:
        """The pictures that look like one, the nearest first, without itself."""
        one = self.entry(picture).id
        ((own,),) = self._index.ask("SELECT looks FROM looks WHERE id = ?", one)
        sql = "SELECT id, looks FROM looks JOIN pictures USING (id) WHERE place = 'here' AND id != ?"
        others = self._index.ask(sql, one)
        apart = perceptual_hash.distances(own, [other for _, other in others])
        near = (n for n in apart.argsort(kind="stable")[:most] if apart[n] <= perceptual_hash.ALIKE)
        nearest = {others[n][0]: float(apart[n]) for n in near}
        known = search.entries(self._index, list(nearest))
        return [SimilarPicture(known[other], distance) for other, distance in nearest.items() if other in known]

    def thumbnail(self, picture: str) -> Path:
        """A small JPEG of a picture, at most 320 pixels on its longer side, made when it is first asked for."""
        return thumbnails.thumbnail(self._small, picture, lambda: self.entry(picture).path)

    # What people say.

    def mark(self, pictures: Iterable[str], change: AnnotationChange) -> None:
        """Say something of pictures, by their ids: kept in their folders for good, and found from now on.

        Raises InputError for what cannot be said, and for a picture that is none of ours.
        """
        annotations.checked(change)
        known = self._all(pictures)
        for folder, ids in self._homes(known.values()).items():
            annotations.write(folder, ids, change)
        refresh.apply_change(self._index, list(known), change)

    def _all(self, pictures: Iterable[str]) -> dict[str, GalleryEntry]:
        """The pictures of these ids, each of which must be ours."""
        wanted = list(dict.fromkeys(pictures))
        known = search.entries(self._index, wanted)
        if missing := next((one for one in wanted if one not in known), None):
            raise InputError(_NONE.format(missing))
        return known

    def _homes(self, entries: Iterable[GalleryEntry]) -> dict[Path, list[str]]:
        """The folders in whose journals something is written of these pictures."""
        there, homes = self.folders, dict[Path, list[str]]()
        for entry in entries:
            for home in {home for file in entry.files if (home := folders.home(file, there))}:
                homes.setdefault(home, []).append(entry.id)
        return homes

    # The trash.

    def trash(self, files: Iterable[Path]) -> list[Path]:
        """Move files of pictures into the trash of their folders; returns where they are now."""
        return [self._moved(file, trash.put(file, self._home(file))) for file in map(_settled, files)]

    def restore(self, files: Iterable[Path]) -> list[Path]:
        """Put files in the trash back to where they were, never in the place of another; returns where they are now."""
        return [self._moved(file, trash.restore(file)) for file in map(_settled, files)]

    def in_trash(self, folder: Path | None = None) -> TrashContents:
        """What is in the trash of all folders, or of one."""
        sql = f"SELECT path, size FROM files WHERE place = 'trash' AND {INSIDE} ORDER BY path"  # noqa: S608
        rows = self._index.ask(sql, *(inside(resolved(folder)) if folder else ("", "\U0010ffff")))
        return TrashContents(tuple(Path(path) for path, _ in rows), sum(size for _, size in rows))

    def thrown_away(self, picture: str | Path) -> list[Path]:
        """The files in the trash that are a picture, or that lay where ``picture`` says."""
        there, path = self.in_trash().files, _settled(Path(picture))
        rows = self._index.ask("SELECT path FROM files WHERE id = ? AND place = 'trash'", str(picture))
        return [Path(file) for (file,) in rows] or [file for file in there if path in (file, trash.original_path(file))]

    def empty(self, thrown: TrashContents) -> None:
        """Delete these files, which must be in the trash, for good."""
        for file in thrown.files:
            trash.delete(file)
            for picture in self._index.forget(file):
                thumbnails.drop(self._small, picture)

    def _home(self, file: Path) -> Path:
        home = folders.home(file, self.folders)
        if home is None or folders.place(file) == "trash":
            raise InputError(f"'{file}' is in none of the gallery's folders")
        return home

    def _moved(self, before: Path, now: Path) -> Path:
        with self._index.change():
            rows: Sequence[tuple[str | None]] = self._index.ask("SELECT id FROM files WHERE path = ?", str(before))
            self._index.move(before, now, Stamp.of(now)) if rows else None
        return now


def _settled(file: Path) -> Path:
    """The file by its true folder; a link stays one."""
    return resolved(file.parent) / file.name
