"""The gallery: all pictures in some folders, searchable by their settings and annotations.

Pictures are files, and everything known about them is in the folders: in the files, and in a journal of annotations.
The index only makes searching fast and can be rebuilt at any time.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from studio.errors import InputError
from studio.files.untrusted import is_file, is_folder, resolved
from studio.galleries import annotations, folders, lineage, perceptual_hash, refresh, search, thumbnails, trash
from studio.galleries.database import FILE
from studio.galleries.entry import (
    AnnotationChange,
    GalleryEntry,
    GalleryPage,
    Lineage,
    RefreshResult,
    SimilarPicture,
    TrashContents,
    UnreadableFile,
)
from studio.galleries.index import INSIDE, Index, inside
from studio.galleries.query import Query
from studio.model_files.hashes import Stamp

PAGE: Final = 60
_NONE: Final = "the gallery has no picture '{}'; give a file in one of its folders"


class Gallery:
    """The pictures in ``within`` and in every folder that was ever scanned. Its methods may be called from any thread.

    ``state`` is the folder of the index and the thumbnails; several processes may share it. Every method raises
    OutputError if the index cannot be used: ``Gallery.rebuilt`` makes a new one.
    """

    def __init__(self, state: Path, within: Iterable[Path] = (), patience: float = 5.0) -> None:
        """Open the gallery; nothing is scanned yet.

        ``patience`` is how many seconds to wait for another process that is writing.
        """
        self._state, self._small = state, state / "thumbnails"
        folders.remember(state, (resolved(folder) for folder in within if is_folder(folder)))
        self._index = Index(state / FILE, patience)

    @classmethod
    def rebuilt(
        cls, state: Path, within: Iterable[Path] = (), progress: Callable[[int, int], None] | None = None
    ) -> "Gallery":
        """The gallery with its index rebuilt from the files, whatever happened to the old one.

        ``progress`` is called with the number of files that were read, and the total.
        """
        Index.clear(state / FILE)
        gallery = cls(state, within)
        gallery.refresh(progress)
        return gallery

    @property
    def folders(self) -> list[Path]:
        """The folders that are scanned and exist now."""
        return [folder for folder in folders.known(self._state) if is_folder(folder)]

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    # Scanning the folders.

    def refresh(self, progress: Callable[[int, int], None] | None = None) -> RefreshResult:
        """Update the index from the folders: new and changed files are read.

        ``progress`` is called with the number of files that were read, and the total.
        """
        return refresh.refresh(self._index, folders.known(self._state), progress, folders.damaged(self._state))

    def add(self, path: Path) -> None:
        """Add a new picture to the index; from now on its folder is scanned too."""
        path = resolved(path)
        if folders.home(path, folders.known(self._state)) is None:
            folders.remember(self._state, [path.parent])
        refresh.read(self._index, path)

    def unreadable(self) -> list[UnreadableFile]:
        """Files that look like pictures but cannot be read, as of the last refresh."""
        rows = self._index.ask("SELECT path, problem FROM files WHERE id IS NULL ORDER BY path")
        return [UnreadableFile(Path(path), why) for path, why in rows]

    # Searching.

    def find(
        self, query: Query | str = "", *, after: str = "", most: int = PAGE, folder: Path | None = None
    ) -> GalleryPage:
        """The results of a query, newest first: at most ``most``, starting after ``after``, a page's ``next``.

        ``folder`` limits the search to one folder. Raises InputError for an invalid query.
        """
        parsed = Query.parse(query) if isinstance(query, str) else query
        return search.find(self._index, parsed, after, most, resolved(folder) if folder else None)

    def ids(self, query: str = "") -> list[str]:
        """The ids of all results of a query, newest first; raises InputError as ``find`` does."""
        return search.ids(self._index, Query.parse(query))

    def entries(self, pictures: Iterable[str]) -> dict[str, GalleryEntry]:
        """Those of the pictures that are in the gallery, by their ids."""
        return search.entries(self._index, list(pictures))

    def entry(self, picture: str | Path) -> GalleryEntry:
        """One picture, by its id, the beginning of its id, or a file; raises InputError if it is not in the gallery."""
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
        except (OSError, ValueError):  # a NUL, or a name that is too long
            return []
        return self._index.ask("SELECT id FROM files WHERE path = ? AND id IS NOT NULL", str(path))

    def names(self, kind: str) -> dict[str, int]:
        """Every "tag", "collection", "model", "lora" or "workflow" in use, with the number of pictures that have it."""
        return search.names(self._index, kind)

    def lineage(self, picture: str) -> Lineage:
        """The pictures that a picture came from, and those that came from it."""
        return lineage.of(self._index, picture)

    def similar(self, picture: str, most: int = 12) -> list[SimilarPicture]:
        """The pictures that look like one, most similar first, without itself."""
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
        """A small JPEG of a picture, at most 320 pixels on its longer side, created on first use."""
        return thumbnails.thumbnail(self._small, picture, lambda: self.entry(picture).path)

    # Annotations.

    def mark(self, pictures: Iterable[str], change: AnnotationChange) -> None:
        """Change the annotations of pictures, by their ids: stored in their folders for good, and searchable
        immediately.

        Raises InputError for an invalid change, and for a picture that is not in the gallery.
        """
        annotations.checked(change)
        known = self._all(pictures)
        for folder, ids in self._homes(known.values()).items():
            annotations.write(folder, ids, change)
        refresh.apply_change(self._index, list(known), change)

    def _all(self, pictures: Iterable[str]) -> dict[str, GalleryEntry]:
        """The pictures with these ids; all of them must be in the gallery."""
        wanted = list(dict.fromkeys(pictures))
        known = search.entries(self._index, wanted)
        if missing := next((one for one in wanted if one not in known), None):
            raise InputError(_NONE.format(missing))
        return known

    def _homes(self, entries: Iterable[GalleryEntry]) -> dict[Path, list[str]]:
        """The folders whose journals hold the annotations of these pictures."""
        folders_now, homes = self.folders, dict[Path, list[str]]()
        for entry in entries:
            for home in {home for file in entry.files if (home := folders.home(file, folders_now))}:
                homes.setdefault(home, []).append(entry.id)
        return homes

    # The trash.

    def trash(self, files: Iterable[Path]) -> list[Path]:
        """Move files into the trash of their folders; returns their new paths."""
        return [self._moved(file, trash.put(file, self._home(file))) for file in map(_settled, files)]

    def restore(self, files: Iterable[Path]) -> list[Path]:
        """Move files in the trash back to where they were, never overwriting another; returns their new paths."""
        return [self._moved(file, trash.restore(file)) for file in map(_settled, files)]

    def in_trash(self, folder: Path | None = None) -> TrashContents:
        """The contents of the trash of all folders, or of one."""
        sql = f"SELECT path, size FROM files WHERE place = 'trash' AND {INSIDE} ORDER BY path"  # noqa: S608
        rows = self._index.ask(sql, *(inside(resolved(folder)) if folder else ("", "\U0010ffff")))
        return TrashContents(tuple(Path(path) for path, _ in rows), sum(size for _, size in rows))

    def find_in_trash(self, picture: str | Path) -> list[Path]:
        """The files in the trash of a picture, or of the path that it had before."""
        in_trash, path = self.in_trash().files, _settled(Path(picture))
        rows = self._index.ask("SELECT path FROM files WHERE id = ? AND place = 'trash'", str(picture))
        return [Path(file) for (file,) in rows] or [
            file for file in in_trash if path in (file, trash.original_path(file))
        ]

    def empty(self, thrown: TrashContents) -> None:
        """Delete these files, which must be in the trash, permanently."""
        for file in thrown.files:
            trash.delete(file)
            for picture in self._index.forget(file):
                thumbnails.drop(self._small, picture)

    def _home(self, file: Path) -> Path:
        home = folders.home(file, self.folders)
        if home is None or folders.place(file) == "trash":
            raise InputError(f"'{file}' is not in one of the gallery's folders")
        return home

    def _moved(self, before: Path, now: Path) -> Path:
        with self._index.change():
            rows: Sequence[tuple[str | None]] = self._index.ask("SELECT id FROM files WHERE path = ?", str(before))
            self._index.move(before, now, Stamp.of(now)) if rows else None
        return now


def _settled(file: Path) -> Path:
    """The file with links in its folder's path followed; the file itself may stay a link."""
    return resolved(file.parent) / file.name
