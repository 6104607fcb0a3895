"""Writes files and folders so that they are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from studio.errors import InputError, OutputError


@contextmanager
def arriving(out: Path) -> Iterator[Path]:
    """While inside, a path beside ``out`` to write a file or a folder to; then it is moved to ``out`` in one step, once
    all of it is on the disk.

    Whatever ends it early leaves nothing. Raises InputError where ``out`` is there already, OutputError where it cannot
    be written.
    """
    _refuse(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".studio-", dir=out.parent) as folder:
            begun = Path(folder) / out.name
            yield begun
            _refuse(out)
            for file in (begun, *begun.rglob("*")):
                _flush(file)
            begun.rename(out)
        _flush(out.parent)
    except OSError as error:
        raise OutputError(f"'{out}' cannot be written: {error.strerror or error}; nothing is left of it") from None


def _flush(path: Path) -> None:
    """Make sure that a file's content, or a folder's names, outlast a loss of power."""
    if os.name == "nt" and path.is_dir():  # which Windows cannot open
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse(out: Path) -> None:
    if out.exists():
        raise InputError(f"'{out}' is there already; nothing was written: give another name")
