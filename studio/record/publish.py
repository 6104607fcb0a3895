"""Puts a finished picture into a folder so that it is there whole or not at all.

Temporary file, metadata, fsync, then ``link()``, which fails where the name exists: two
processes can never overwrite each other, and no lock is needed. Then the folder is synced.
"""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import OutputError
from studio.job import Job
from studio.record.formats import a1111
from studio.record.picture import Picture


def publish(image: Image.Image, folder: Path, stem: str, job: Job, facts: Mapping[str, Any]) -> Picture:
    """Write the picture with its whole job, and when that was, and return it; a taken name gets "-2", "-3" and so on.

    Raises OutputError where the folder cannot be written or the disk is full.
    """
    temporary = folder / f".studio-{secrets.token_hex(8)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(image, temporary, _metadata(job, {"made": _now(), **facts, "size": f"{image.width}x{image.height}"}))
        path = _link(temporary, folder, stem)
        _sync(folder)
    except OSError as error:
        raise OutputError(
            f"cannot write to '{folder}': {error.strerror or error}; earlier pictures are untouched"
        ) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return Picture(path)


def check_folder(folder: Path) -> None:
    """Fail before any work is done where the folder cannot be written."""
    probe = folder / f".studio-{secrets.token_hex(8)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _metadata(job: Job, facts: Mapping[str, Any]) -> PngInfo:
    info = PngInfo()
    record = {"job": job.model_dump(mode="json"), **facts}
    info.add_text("studio", json.dumps(record, ensure_ascii=True))
    info.add_text("parameters", a1111.write(job, facts))
    return info


def _write(image: Image.Image, path: Path, info: PngInfo) -> None:
    with path.open("xb") as file:
        image.save(file, "PNG", pnginfo=info, compress_level=4)
        file.flush()
        os.fsync(file.fileno())


def _link(temporary: Path, folder: Path, stem: str) -> Path:
    for n in count(1):
        path = folder / (f"{stem}.png" if n == 1 else f"{stem}-{n}.png")
        with suppress(FileExistsError):
            os.link(temporary, path)
            return path
    raise AssertionError  # count() never ends


def _sync(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder to sync it
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
