"""Writes files and folders whole or not at all.

Everything is written under a temporary name in the same folder, flushed to the disk and then moved into place in one
step: ``replace_file`` replaces the file that was there, ``new_path`` never overwrites. Other modules combine
``temporary_path`` and ``new_file`` with ``no_overwrite.move_new``.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

from studio.errors import InputError, OutputError
from studio.files.no_overwrite import flush, move_new

_PREFIX: Final = ".studio-"
_SUFFIX: Final = ".tmp"


@contextmanager
def temporary_path(folder: Path) -> Iterator[Path]:
    """A free path in the folder for a file; whatever is at that path in the end is deleted."""
    path = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    try:
        yield path
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Whether a file name comes from ``temporary_path``. Such a file is left behind only by a killed process."""
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


@contextmanager
def new_file(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Create a file and open it for writing; on exit its content is flushed to the disk.

    Raises FileExistsError if the name is taken.
    """
    with open(path, "xb", opener=partial(os.open, mode=mode)) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_new(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Create a file with this content and flush it to the disk; raises as ``new_file`` does."""
    with new_file(path, mode) as file:
        file.write(content)


def replace_file(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Create a file, or replace the one that is there, in a folder that exists. Raises OSError."""
    with temporary_path(path.parent) as temporary:
        write_new(temporary, content, mode)
        temporary.replace(path)
        flush(path.parent)


@contextmanager
def new_path(out: Path) -> Iterator[Path]:
    """A temporary path to write a file or a folder to, which is moved to ``out`` at the end.

    An error inside leaves nothing behind. Raises InputError if ``out`` exists, OutputError if it cannot be written.
    """
    if out.exists():
        raise _exists(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=_PREFIX, dir=out.parent) as folder:
            temporary = Path(folder) / out.name
            yield temporary
            for path in (temporary, *temporary.rglob("*")):
                flush(path)
            _move(temporary, out)
        flush(out.parent)
    except OSError as error:
        raise OutputError(f"'{out}' cannot be written: {error.strerror or error}; nothing is left of it") from None


def _move(temporary: Path, out: Path) -> None:
    try:
        move_new(temporary, out)
    except FileExistsError:
        raise _exists(out) from None


def _exists(out: Path) -> InputError:
    return InputError(f"'{out}' is there already; nothing was written: give another name")
