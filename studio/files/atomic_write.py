"""Writes files and folders so that they are there whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from studio.errors import InputError, OutputError
from studio.files.no_overwrite import flush, move_new


@contextmanager
def arriving(out: Path) -> Iterator[Path]:
    """While inside, a path beside ``out`` to write a file or a folder to; then it is moved to ``out`` in one step, once
    all of it is on the disk.

    Whatever ends it early leaves nothing. Raises InputError where ``out`` is there already, OutputError where it cannot
    be written.
    """
    if out.exists():
        raise _taken(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".studio-", dir=out.parent) as folder:
            begun = Path(folder) / out.name
            yield begun
            for file in (begun, *begun.rglob("*")):
                flush(file)
            _arrive(begun, out)
        flush(out.parent)
    except OSError as error:
        raise OutputError(f"'{out}' cannot be written: {error.strerror or error}; nothing is left of it") from None


def _arrive(begun: Path, out: Path) -> None:
    try:
        move_new(begun, out)
    except FileExistsError:
        raise _taken(out) from None


def _taken(out: Path) -> InputError:
    return InputError(f"'{out}' is there already; nothing was written: give another name")
