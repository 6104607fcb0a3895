"""Updates the index from the folders: new and changed files are read, missing ones forgotten."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final

from studio.galleries import annotations, file_metadata
from studio.galleries.entry import AnnotationChange, Annotations, RefreshResult, UnreadableFile
from studio.galleries.folders import FolderContents, place, scan
from studio.galleries.index import Index
from studio.model_files.hashes import Stamp

_AT_ONCE: Final = 100  # files in one transaction, after which other processes may write

Progress = Callable[[int, int], None]


def refresh(
    index: Index, folders: Iterable[Path], progress: Progress | None = None, unreadable: Sequence[UnreadableFile] = ()
) -> RefreshResult:
    """Scan all folders; ``progress`` is called with the number of files that were read, and the total.

    ``unreadable`` is what else cannot be read.
    """
    before = index.stamps()  # first, so that a picture published during the scan is not taken for gone
    found = _scan(folders)
    gone = {path: stamp for path, stamp in before.items() if path not in found.pictures}
    new = {path: stamp for path, stamp in found.pictures.items() if before.get(path) != stamp}
    with index.change():
        for path, stamp in gone.items():
            index.forget(Path(path), stamp)
    _read_all(index, new, progress)
    _read_journals(index, found.journals)
    for file in (*found.unreadable, *unreadable):
        index.put(_shown(file.path), "here", Stamp(-1, -1, -1), file.why)
    return RefreshResult(len(new), len(gone))


def read(index: Index, path: Path) -> None:
    """Read one file, unless it is known and unchanged."""
    stamp = Stamp.of(path)
    if index.stamp(path) != stamp:
        metadata = file_metadata.read(path)
        with index.change():
            index.put(path, place(path), stamp, metadata)


def _scan(folders: Iterable[Path]) -> FolderContents:
    whole = FolderContents()
    for folder in folders:
        found = scan(folder)
        whole.pictures |= found.pictures
        whole.journals |= found.journals
        whole.unreadable += found.unreadable
    return whole


def _read_all(index: Index, files: dict[str, Stamp], progress: Progress | None) -> None:
    todo, done = ((Path(path), stamp) for path, stamp in files.items()), 0
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as readers:
        while some := list(islice(todo, _AT_ONCE)):
            read = list(readers.map(file_metadata.read, (path for path, _ in some)))
            with index.change():
                for (path, stamp), one in zip(some, read, strict=True):
                    index.put(path, place(path), stamp, one)
            done += len(some)
            if progress:
                progress(done, len(files))


def apply_change(index: Index, pictures: Sequence[str], change: AnnotationChange) -> None:
    """Apply a change, which was just written to the journals, to these pictures.

    Other processes may have written or even read them since, so the next refresh reads all journals again.
    """
    for begin in range(0, len(pictures), _AT_ONCE):
        some = pictures[begin : begin + _AT_ONCE]
        with index.change():
            marks = index.marks(some)
            index.put_marks({one: annotations.applied(marks.get(one, Annotations()), change) for one in some})
            index.put_journals({})


def _read_journals(index: Index, journals: dict[str, Stamp]) -> None:
    """Read the journals if any has changed: all of them, as the last change wins."""
    if index.journals() == journals:
        return
    folded = annotations.fold(map(Path, journals))
    with index.change():
        before = index.marks()
        changed = {one for one in folded.keys() | before if folded.get(one) != before.get(one)}
        index.put_marks({one: folded.get(one, Annotations()) for one in changed})
        index.put_journals(journals)


def _shown(path: Path) -> Path:
    """The path with invalid letters escaped."""
    return Path(os.fsencode(path).decode("utf-8", "backslashreplace"))
