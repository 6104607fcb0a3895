"""Reads a picture's record from the start of its file, without decoding pixels, for folders of thousands."""

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from PIL.Image import DecompressionBombError
from pydantic import ValidationError

from studio.errors import OutputError
from studio.files import strict_json
from studio.files.untrusted import open_file
from studio.images.image_file import png_texts
from studio.workflow.job import Job

_END: Final = b"IEND\xaeB`\x82"  # the last bytes of a complete PNG (w3.org/TR/png-3, 5.3 and 11.2.5)
_NOT_OURS: Final = (
    None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP,
    errno.EINVAL,
)  # fmt: skip


def record(path: Path) -> dict[str, Any] | None:
    """The record in a complete picture made by the studio; None for any other file, and for a truncated one.

    Raises OutputError if the disk fails.
    """
    try:
        with open_file(path) as file:
            file.seek(-min(len(_END), os.fstat(file.fileno()).st_size), os.SEEK_END)
            if file.read() != _END:
                return None
            file.seek(0)
            content = strict_json.loads(png_texts(file)["studio"])
    except OSError as error:
        if error.errno in _NOT_OURS:  # Pillow's own errors have no number
            return None
        raise OutputError(f"cannot read '{path}': {error.strerror}; check the disk, then try again") from None
    except (KeyError, TypeError, ValueError, SyntaxError, RecursionError, DecompressionBombError):
        return None
    return content if isinstance(content, dict) else None


def key(path: Path) -> str | None:
    """The key of the job that made the picture; None and errors as for ``record``."""
    try:
        return Job.model_validate((record(path) or {}).get("job")).key
    except (ValidationError, RecursionError):
        return None


def within(record: Any, *names: str) -> Any:
    """A value deep in a record, which anybody may have written; None if it is not there."""
    for name in names:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def licence(claimed: Any) -> str:
    """The licence in a record: of a model, or of a LoRA, for which several may be claimed; "" if there is none."""
    if isinstance(claimed, list):
        texts = (within(claim, "text") for claim in claimed)
        return "; ".join(dict.fromkeys(text for text in texts if text and isinstance(text, str)))
    return claimed if isinstance(claimed, str) else ""


def pictures(folder: Path) -> Iterator[Path]:
    """Every PNG file in a folder and below, except in hidden folders and links to folders.

    Raises OutputError if a folder cannot be read.
    """
    inside = [iter(_entries(str(folder)))]
    while inside:
        entry = next(inside[-1], None)
        if entry is None:
            inside.pop()
        elif entry.is_dir(follow_symlinks=False):
            inside.append(iter(_entries(entry.path)))
        elif entry.name.lower().endswith(".png") and entry.is_file():
            yield Path(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """The entries of a folder that are not hidden; none for a folder whose path is too long."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return []
        raise OutputError(f"cannot read '{folder}': {error.strerror or error}") from None
