"""SHA-256 of files and folders, read again only where a file's size or time of change is another."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path


def of_file(file: Path) -> str:
    """The SHA-256 of a file's content."""
    about = file.stat()
    return _of_content(file, about.st_size, about.st_mtime_ns)


def of_files(folder: Path, files: Iterable[Path]) -> str:
    """One hash over the names, within ``folder``, and the contents of files."""
    lines = (f"{file.relative_to(folder).as_posix()} {of_file(file)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def _of_content(file: Path, _size: int, _changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
