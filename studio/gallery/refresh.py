"""Brings the index in line with the folders: what is new or has changed is read, what is gone forgotten."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final

from studio.gallery import annotations, file_metadata
from studio.gallery.entry import AnnotationChange, Annotations, RefreshResult, UnreadableFile
from studio.gallery.folders import FolderContents, place, scan
from studio.gallery.index import Index
from studio.model_files.hashes import Stamp

_AT_ONCE: Final = 100  # files between which others may write to the index

Tell = Callable[[int, int], None]


def refresh(
    index: Index, folders: Iterable[Path], tell: Tell | None = None, besides: Sequence[UnreadableFile] = ()
) -> RefreshResult:
    """Look through all folders; ``tell`` hears how many files were read, and of how many.

    ``besides`` is what else cannot be read.
    """
    before = index.stamps()  # first: what is published from now on is not mistaken for gone
    found = _scan(folders)
    gone = {path: stamp for path, stamp in before.items() if path not in found.pictures}
    new = {path: stamp for path, stamp in found.pictures.items() if before.get(path) != stamp}
    with index.change():
        for path, stamp in gone.items():
            index.forget(Path(path), stamp)
    _read_all(index, new, tell)
    _read_journals(index, found.journals)
    for unreadable in (*found.unreadable, *besides):
        index.put(_shown(unreadable.path), "here", Stamp(-1, -1, -1), unreadable.why)
    return RefreshResult(len(new), len(gone))


def read(index: Index, path: Path) -> None:
    """Read one file, where it is not known as it is now."""
    stamp = Stamp.of(path)
    if index.stamp(path) != stamp:
        told = file_metadata.read(path)
        with index.change():
            index.put(path, place(path), stamp, told)


def _scan(folders: Iterable[Path]) -> FolderContents:
    whole = FolderContents()
    for folder in folders:
        found = scan(folder)
        whole.pictures |= found.pictures
        whole.journals |= found.journals
        whole.unreadable += found.unreadable
    return whole


def _read_all(index: Index, files: dict[str, Stamp], tell: Tell | None) -> None:
    todo, done = ((Path(path), stamp) for path, stamp in files.items()), 0
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as readers:
        while some := list(islice(todo, _AT_ONCE)):
            told = list(readers.map(file_metadata.read, (path for path, _ in some)))
            with index.change():
                for (path, stamp), one in zip(some, told, strict=True):
                    index.put(path, place(path), stamp, one)
            done += len(some)
            if tell:
                tell(done, len(files))


def apply_change(index: Index, pictures: Sequence[str], change: AnnotationChange) -> None:
    """What was just written into journals is said of these pictures.

    Others may have written since, and even been heard: so the next refresh hears everything once more.
    """
    for begin in range(0, len(pictures), _AT_ONCE):
        some = pictures[begin : begin + _AT_ONCE]
        with index.change():
            marks = index.marks(some)
            index.put_marks({one: annotations.applied(marks.get(one, Annotations()), change) for one in some})
            index.put_journals({})


def _read_journals(index: Index, journals: dict[str, Stamp]) -> None:
    """Read what people said, where any of it is new: all of it, as the last word counts."""
    if index.journals() == journals:
        return
    said = annotations.fold(map(Path, journals))
    with index.change():
        before = index.marks()
        changed = {one for one in said.keys() | before if said.get(one) != before.get(one)}
        index.put_marks({one: said.get(one, Annotations()) for one in changed})
        index.put_journals(journals)


def _shown(path: Path) -> Path:
    """The path with letters that can be kept."""
    return Path(os.fsencode(path).decode("utf-8", "backslashreplace"))
