"""Where pictures lie: which folders, and what is in them.

Which folders there are is a text file beside the index, a line for each, so that it is there when the index is not.
A folder's own ``.studio`` holds its trash and what people say of its pictures; both go where the folder goes.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from studio.errors import OutputError
from studio.models.hashes import Stamp
from studio.record.gallery.entry import Place, Unreadable

OWN, TRASH, JOURNAL = ".studio", "trash", "marks.jsonl"
_LIST: Final = "gallery-folders.txt"
_ENDINGS: Final = frozenset({".png", ".jpg", ".jpeg", ".webp"})
_UPLOADED: Final = re.compile(r"[0-9a-f]{32}\.(png|jpg|webp)")


@dataclass
class Found:
    """What a folder holds: pictures' files, journals, and what could not be looked at."""

    pictures: dict[Path, Stamp] = field(default_factory=dict)
    journals: dict[Path, Stamp] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)


def known(state: Path) -> list[Path]:
    """The folders that pictures were ever looked for in, in the order they were met."""
    try:
        lines = (state / _LIST).read_text("utf-8", "replace").split("\n")
    except OSError:
        return []
    return [Path(line) for line in dict.fromkeys(lines) if line]


def remember(state: Path, folders: Iterable[Path]) -> None:
    """Look in these folders too from now on; raises OutputError where that cannot be written down."""
    there = known(state)
    new = [folder for folder in folders if folder not in there and str(folder).isprintable()]
    if not new:
        return
    try:
        state.mkdir(parents=True, exist_ok=True)
        append(state / _LIST, "".join(f"{folder}\n" for folder in new).encode())
    except OSError as error:
        raise OutputError(f"cannot write to '{state}': {error.strerror or error}") from None


def append(file: Path, lines: bytes) -> None:
    """Add whole lines to a file that others add to as well; what somebody left torn gets an end first.

    Written in one go to the end of the file, so lines of several processes never mix.
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        end = os.lseek(handle, 0, os.SEEK_END)
        torn = end and os.lseek(handle, end - 1, os.SEEK_SET) and os.read(handle, 1) != b"\n"
        whole = b"\n" * bool(torn) + lines
        if os.write(handle, whole) < len(whole):
            raise OSError(None, "the disk is full")
        os.fsync(handle)
    finally:
        os.close(handle)


def scan(folder: Path) -> Found:
    """All that lies in a folder, at any depth; links are not followed, hidden files and folders passed over."""
    found, todo = Found(), [folder]
    while todo:
        current = todo.pop()
        try:
            with os.scandir(current) as items:
                todo += [Path(item.path) for item in items if _met(item, found)]
        except OSError as error:
            if current != folder or not isinstance(error, FileNotFoundError):
                found.unreadable.append(Unreadable(current, error.strerror or str(error)))
    return found


def _met(item: os.DirEntry[str], found: Found) -> bool:
    """Note a file; whether it is a folder to look through."""
    path = Path(item.path)
    if item.is_dir(follow_symlinks=False):
        return _is_open(path)
    kept = _kept(path, found)
    if kept is None or not item.is_file(follow_symlinks=False):
        return False
    try:
        path.as_posix().encode()
        about = item.stat(follow_symlinks=False)
        kept[path] = Stamp(about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    except OSError as error:
        found.unreadable.append(Unreadable(path, error.strerror or str(error)))
    except UnicodeEncodeError:
        found.unreadable.append(Unreadable(path, "its name holds letters of no known alphabet; rename it"))
    return False


def _is_open(path: Path) -> bool:
    """Whether a folder may hold pictures; of hidden ones only our own does, in its trash."""
    if path.parent.name == OWN:
        return path.name == TRASH
    return path.name == OWN or not path.name.startswith(".")


def _kept(path: Path, found: Found) -> dict[Path, Stamp] | None:
    """Where a file is noted, None for one that is nothing to us."""
    if path.parent.name == OWN:
        return found.journals if path.name == JOURNAL else None
    is_picture = path.suffix.lower() in _ENDINGS and not path.name.startswith(".")
    return found.pictures if is_picture else None


def place(path: Path) -> Place:
    """What a file's path says of it: the surfaces keep pictures that others begin with in "inputs", by their hashes."""
    if OWN in path.parts:
        return "trash"
    return "input" if path.parent.name == "inputs" and _UPLOADED.fullmatch(path.name) else "here"


def home(path: Path, folders: Iterable[Path]) -> Path | None:
    """The innermost of the folders that a path lies in."""
    around = [folder for folder in folders if path.is_relative_to(folder)]
    return max(around, key=lambda folder: len(folder.parts), default=None)


def own(folder: Path) -> Path:
    """The folder's ``.studio``, made where there is none; raises OutputError where it leads elsewhere."""
    path = folder / OWN
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {error.strerror or error}") from None
    if path.is_symlink():
        raise OutputError(f"'{path}' is a link and leads elsewhere; remove it")
    return path
