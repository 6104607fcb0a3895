"""Opens files from outside: only regular files are ever opened.

A pipe would block, a device may never end, and opening some devices has an effect. A refusal is an OSError whose
``strerror`` says why, like any file that cannot be read, so callers need not tell the two apart.
"""

import errno
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final

_READING: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_KINDS: Final = (
    (stat.S_ISFIFO, "it is a named pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
)


def open_file(path: str | Path) -> BufferedReader:
    """Open the file for reading bytes, without blocking.

    Raises OSError if it does not exist, cannot be read, or is a folder, a pipe, a socket or a device.
    """
    try:
        _refuse_special(os.stat(path))  # noqa: PTH116 before it is opened: opening some devices acts on them
        handle = os.open(path, _READING)
    except ValueError:
        raise OSError(errno.EINVAL, "no file can have such a name") from None
    try:
        _refuse_special(os.fstat(handle))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_file(path: str | Path, most: int) -> bytes:
    """All bytes of a file; raises OSError as ``open_file`` does, and for more than ``most`` bytes."""
    with open_file(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _too_large(most)
    return data


def read_lines(path: str | Path, longest: int, most: int) -> Iterator[bytes]:
    """The lines of a file with their line ends; a line over ``longest`` bytes comes in pieces, which bounds the memory.

    Raises OSError as ``read_file`` does.
    """
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise _too_large(most)
        yield from iter(lambda: file.readline(longest), b"")


def is_file(path: str | Path) -> bool:
    """Whether this is a regular file; False also for a path that no file can have."""
    return os.path.isfile(path)  # noqa: PTH113 pathlib's raises for a name that is too long


def is_folder(path: str | Path) -> bool:
    """Whether this is a folder; False as for ``is_file``."""
    return os.path.isdir(path)  # noqa: PTH112


def exists(path: str | Path) -> bool:
    """Whether the path exists; False as for ``is_file``."""
    return os.path.exists(path)  # noqa: PTH110


def resolved(path: str | Path) -> Path:
    """The absolute path with links followed; links in a circle, and impossible paths, are kept as they are."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:
        return Path(path).absolute()


def walk_files(folder: Path) -> Iterator[Path]:
    """Every regular file in a folder and below, sorted by name. Links to folders are not followed.

    Folders that cannot be read, or whose path is too long, are skipped.
    """
    inside = [iter(_entries(str(folder)))]
    while inside:
        entry = next(inside[-1], None)
        if entry is None:
            inside.pop()
        elif entry.is_dir(follow_symlinks=False):
            inside.append(iter(_entries(entry.path)))
        elif is_file(entry.path):
            yield Path(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (OSError, ValueError):
        return []


def named_in_text(path: str | Path) -> bool:
    """Whether a path is valid text. Names are bytes; those that are not UTF-8 fit into no JSON and no page."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_large(most: int) -> OSError:
    return OSError(errno.EFBIG, f"it is larger than {most:,} bytes, the limit for such a file")


def _refuse_special(about: os.stat_result) -> None:
    if stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file")
    for is_kind, words in _KINDS:
        if is_kind(about.st_mode):
            raise OSError(errno.EINVAL, words)
