"""Brings the index in line with the folders: what is new or has changed is read, what is gone forgotten."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final

from studio.models.hashes import Stamp
from studio.record.gallery import facts, journal
from studio.record.gallery.entry import Marks, Refreshed
from studio.record.gallery.folders import Found, place, scan
from studio.record.gallery.index import Index

_AT_ONCE: Final = 100  # files between which others may write to the index

Tell = Callable[[int, int], None]


def refresh(index: Index, folders: Iterable[Path], tell: Tell | None = None) -> Refreshed:
    """Look through all folders; ``tell`` hears how many files were read, and of how many."""
    before = index.stamps()  # first: what is published from now on is not mistaken for gone
    found = _scan(folders)
    gone = {path: stamp for path, stamp in before.items() if path not in found.pictures}
    new = {path: stamp for path, stamp in found.pictures.items() if before.get(path) != stamp}
    with index.change():
        for path, stamp in gone.items():
            index.forget(Path(path), stamp)
    _read_all(index, new, tell)
    _hear(index, found.journals)
    for unreadable in found.unreadable:
        index.put(_shown(unreadable.path), "here", Stamp(-1, -1, -1), unreadable.why)
    return Refreshed(len(new), len(gone))


def read(index: Index, path: Path) -> None:
    """Read one file, where it is not known as it is now."""
    stamp = Stamp.of(path)
    if index.stamp(path) != stamp:
        told = facts.read(path)
        with index.change():
            index.put(path, place(path), stamp, told)


def _scan(folders: Iterable[Path]) -> Found:
    whole = Found()
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
            told = list(readers.map(facts.read, (path for path, _ in some)))
            with index.change():
                for (path, stamp), one in zip(some, told, strict=True):
                    index.put(path, place(path), stamp, one)
            done += len(some)
            if tell:
                tell(done, len(files))


def _hear(index: Index, journals: dict[str, Stamp]) -> None:
    """Read what people said, where any of it is new: all of it, as the last word counts."""
    if index.journals() == journals:
        return
    said, before = journal.fold(map(Path, journals)), index.marks()
    changed = {one: said.get(one, Marks()) for one in said.keys() | before if said.get(one) != before.get(one)}
    index.put_marks(changed)
    with index.change():
        index.put_journals(journals)


def _shown(path: Path) -> Path:
    """The path with letters that can be kept."""
    return Path(os.fsencode(path).decode("utf-8", "backslashreplace"))
