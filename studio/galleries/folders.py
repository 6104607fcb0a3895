"""The gallery's folders, and what is in them.

The list of folders is a text file beside the index, one line each, so that it survives the index. A folder's own
``.studio`` holds its trash and the annotations of its pictures; both move with the folder.
"""

import errno
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from studio.errors import OutputError
from studio.files import private
from studio.files.untrusted import is_file, named_in_text, read_file
from studio.galleries.entry import Place, UnreadableFile
from studio.model_files.hashes import Stamp

OWN, TRASH, JOURNAL = ".studio", "trash", "marks.jsonl"
SHEETS: Final = "contact-sheet"  # a batch's thumbnails, beside a page of this name
_LIST: Final = "gallery-folders.txt"
_LONGEST_LIST: Final = 16 * 2**20
LARGEST: Final = 2**29
"""Bytes of a journal: more than two million changes."""

_NAMED: Final = re.compile(r"[^.].*\.(png|jpe?g|webp)", re.IGNORECASE | re.DOTALL)
_UPLOADED: Final = re.compile(r"[0-9a-f]{32}\.(png|jpg|webp)")
_APPENDING: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass
class FolderContents:
    """The pictures and journals in a folder by path, and what could not be read."""

    pictures: dict[str, Stamp] = field(default_factory=dict)
    journals: dict[str, Stamp] = field(default_factory=dict)
    unreadable: list[UnreadableFile] = field(default_factory=list)


def known(state: Path) -> list[Path]:
    """The folders that were ever scanned for pictures, in the order in which they were added."""
    return [Path(line) for line in dict.fromkeys(_lines(state)) if line and "\0" not in line]


def damaged(state: Path) -> list[UnreadableFile]:
    """The lines in the list of folders that cannot be a path."""
    bad = [n for n, line in enumerate(_lines(state), 1) if "\0" in line]
    file = state / _LIST
    return [UnreadableFile(file, f"line {bad[0]} of '{file}' cannot be a folder's path; remove it")] if bad else []


def _lines(state: Path) -> list[str]:
    try:
        return read_file(state / _LIST, _LONGEST_LIST).decode("utf-8", "replace").split("\n")
    except OSError:
        return []


def remember(state: Path, folders: Iterable[Path]) -> None:
    """Add these folders to the list; raises OutputError if it cannot be written."""
    before = known(state)
    new = [folder for folder in folders if folder not in before and str(folder).isprintable()]
    if not new:
        return
    try:
        append(private.file(private.state_folder(state) / _LIST), "".join(f"{folder}\n" for folder in new).encode())
    except OSError as error:
        raise OutputError(f"cannot write to '{state}': {error.strerror or error}") from None


def append(file: Path, lines: bytes) -> None:
    """Append whole lines to a file that other processes append to as well; a torn last line is ended first.

    All of it is one write to the end of the file, so lines of several processes never mix.
    """
    handle = os.open(file, _APPENDING, 0o644)
    try:
        end = os.lseek(handle, 0, os.SEEK_END)
        torn = end and os.lseek(handle, end - 1, os.SEEK_SET) and os.read(handle, 1) != b"\n"
        whole = b"\n" * bool(torn) + lines
        if os.write(handle, whole) < len(whole):
            raise OSError(None, "the disk is full")
        os.fsync(handle)
    finally:
        os.close(handle)


def scan(folder: Path) -> FolderContents:
    """Scan a folder at any depth; links are not followed, hidden files and folders are skipped."""
    found, todo = FolderContents(), [str(folder)]
    while todo:
        current = todo.pop()
        ours = Path(current).name == OWN
        try:
            with os.scandir(current) as items:
                todo += [item.path for item in items if _add(item, found, ours=ours)]
        except OSError as error:
            if current != str(folder) or not isinstance(error, FileNotFoundError):
                found.unreadable.append(UnreadableFile(Path(current), error.strerror or str(error)))
    return found


def _add(item: os.DirEntry[str], found: FolderContents, *, ours: bool) -> bool:
    """Note a file; return whether it is a folder to scan. ``ours`` is true inside a folder's ``.studio``."""
    if item.is_dir(follow_symlinks=False):
        if item.name == SHEETS and is_file(Path(f"{item.path}.html")):
            return False
        return item.name == TRASH if ours else item.name == OWN or not item.name.startswith(".")
    if ours:
        kept = found.journals if item.name == JOURNAL else None
    else:
        kept = found.pictures if _NAMED.fullmatch(item.name) else None
    if kept is not None and item.is_file(follow_symlinks=False):
        _note(item, kept, found)
    return False


def _note(item: os.DirEntry[str], kept: dict[str, Stamp], found: FolderContents) -> None:
    if not named_in_text(item.path):
        found.unreadable.append(UnreadableFile(Path(item.path), "its name is not valid text; rename it"))
        return
    try:
        about = item.stat(follow_symlinks=False)
        if kept is found.journals and about.st_size > LARGEST:
            raise OSError(errno.EFBIG, f"this file of annotations is larger than {LARGEST:,} bytes")
        kept[item.path] = Stamp.told(about)
    except OSError as error:
        found.unreadable.append(UnreadableFile(Path(item.path), error.strerror or str(error)))


def place(path: Path) -> Place:
    """The kind of place, by the path: the surfaces keep start pictures in "inputs", named by their hashes."""
    if (OWN, TRASH) in pairwise(path.parts):
        return "trash"
    return "input" if path.parent.name == "inputs" and _UPLOADED.fullmatch(path.name) else "here"


def home(path: Path, folders: Iterable[Path]) -> Path | None:
    """The innermost of the folders that contains the path."""
    around = [folder for folder in folders if path.is_relative_to(folder)]
    return max(around, key=lambda folder: len(folder.parts), default=None)


def own(folder: Path) -> Path:
    """The folder's ``.studio``, created if missing; raises OutputError if it is a link."""
    path = folder / OWN
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {error.strerror or error}") from None
    if path.is_symlink():
        raise OutputError(f"'{path}' is a link and leads elsewhere; remove it")
    return path
