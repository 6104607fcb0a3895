"""Writes finished pictures into a folder, whole or not at all.

A picture is written to a temporary file with its metadata, flushed to the disk, and moved to its name, which fails if
the name is taken: two processes can never overwrite each other's pictures, and no lock is needed. Then the folder is
flushed too.
"""

import errno
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError, OutputError
from studio.files.atomic_write import is_temporary, new_file, replace_file, temporary_path, write_new
from studio.files.no_overwrite import flush, move_new
from studio.files.untrusted import walk_files
from studio.pictures import fast_record, parameters_text
from studio.pictures.picture import Picture
from studio.workflow.job import Job

_KEPT: Final = "earlier pictures are untouched"
_ABANDONED: Final = 3600.0  # seconds after which no process can still be writing it


def publish(image: Image.Image, folder: Path, stem: str, job: Job, facts: Mapping[str, Any]) -> Picture:
    """Write the picture with its whole job and the time, and return it; a taken name gets "-2", "-3" and so on.

    Raises OutputError if the folder cannot be written or the disk is full.
    """
    return _publish(image, folder, job, facts, partial(_move, folder=folder, stem=stem))


def publish_at(image: Image.Image, path: Path, job: Job, facts: Mapping[str, Any]) -> Picture:
    """Write the picture with its whole job to exactly this path and return it.

    If a picture of the same job is already there, another process was quicker: its picture is kept and returned. Raises
    InputError if another file is there, OutputError as ``publish`` does.
    """
    return _publish(image, path.parent, job, facts, partial(_move_to, path=path, job=job))


def publish_bytes_at(content: bytes, path: Path, job: Job) -> Picture:
    """Write the file of a picture that was made on another machine to exactly this path, as ``publish_at`` does."""
    return _publish_bytes(content, path.parent, partial(_move_to, path=path, job=job))


def publish_bytes(content: bytes, folder: Path, stem: str) -> Picture:
    """Write the file of a picture that was made on another machine into a folder, as ``publish`` does."""
    return _publish_bytes(content, folder, partial(_move, folder=folder, stem=stem))


def _publish_bytes(content: bytes, folder: Path, move: Callable[[Path], Path]) -> Picture:
    with temporary(folder) as file:
        write_new(file, content)
        path = move(file)
        flush(folder)
    return Picture(path)


def _publish(
    image: Image.Image, folder: Path, job: Job, facts: Mapping[str, Any], move: Callable[[Path], Path]
) -> Picture:
    with temporary(folder) as file:
        _write(image, file, _metadata(job, {"made": _now(), **facts, "size": f"{image.width}x{image.height}"}))
        path = move(file)
        flush(folder)
    return Picture(path)


@contextmanager
def temporary(folder: Path, kept: str = _KEPT) -> Iterator[Path]:
    """A path for a new file in the folder, deleted in the end; errors of the disk become an OutputError."""
    with output_errors(folder, kept):
        _make(folder)
        with temporary_path(folder) as file:
            yield file


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "it is not a folder") from None


@contextmanager
def output_errors(path: Path, kept: str = _KEPT) -> Iterator[None]:
    """Turn errors of the disk into an OutputError about ``path`` that says what is ``kept``."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write to '{path}': {error.strerror or error}; {kept}") from None


def replace(path: Path, content: bytes) -> None:
    """Create or replace a file, whole or not at all, and flush it to the disk.

    Raises OutputError as ``publish`` does.
    """
    with output_errors(path.parent, f"'{path.name}' is as it was"):
        _make(path.parent)
        replace_file(path, content)


def sweep(folder: Path) -> None:
    """Delete temporary files over an hour old, which killed processes left in a folder and below."""
    with suppress(OSError):
        for file in walk_files(folder):
            if is_temporary(file.name) and time.time() - file.stat().st_mtime > _ABANDONED:
                file.unlink()


def check_folder(folder: Path, kept: str = _KEPT) -> None:
    """Raise OutputError before any work is done if the folder cannot be written, or its disk cannot name files."""
    with temporary(folder, kept) as probe, temporary(folder, kept) as named:
        probe.touch()
        move_new(probe, named)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _metadata(job: Job, facts: Mapping[str, Any]) -> PngInfo:
    info = PngInfo()
    record = {"job": job.model_dump(mode="json"), **facts}
    info.add_text("studio", json.dumps(record, ensure_ascii=True))
    info.add_text("parameters", parameters_text.write(job, facts))
    return info


def _write(image: Image.Image, path: Path, info: PngInfo) -> None:
    with new_file(path) as file:
        image.save(file, "PNG", pnginfo=info, compress_level=4)


def _move(file: Path, folder: Path, stem: str) -> Path:
    for n in count(1):
        path = folder / (f"{stem}.png" if n == 1 else f"{stem}-{n}.png")
        with suppress(FileExistsError):
            move_new(file, path)
            return path
    raise AssertionError  # count() never ends


def _move_to(file: Path, path: Path, job: Job) -> Path:
    try:
        move_new(file, path)
    except FileExistsError:
        if fast_record.key(path) != job.key:
            raise name_taken(path) from None
    return path


def name_taken(path: Path) -> InputError:
    """The error for another file at the place of a picture."""
    return InputError(f"'{path}' is another file already; move it, or choose other names")
