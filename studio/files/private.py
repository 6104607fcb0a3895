"""Files that are nobody else's business: the queue, indexes, lists and uploads in the state folder.

They hold prompts, paths and pictures, so files are made with mode 0600 and folders with 0700. A state folder that was
there before and that somebody chose with STUDIO_STATE keeps its mode, as it may hold more than ours. Where a file
system knows no modes, or on Windows, the folder's own permissions are all there is.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from studio.files.atomic_write import replace_file

_LEFT_OPEN: Final = (
    *(f"{name}{beside}" for name in ("queue.sqlite", "gallery-1.sqlite") for beside in ("", "-wal", "-shm")),
    *("gallery-folders.txt", "hashes.sqlite", "models.json", "models.lock", "loras.json", "seen.json", "thumbnails"),
)


def default_state() -> Path:
    """Where the queue and the indexes lie unless STUDIO_STATE says otherwise.

    Raises RuntimeError for a user without a home.
    """
    return user_state_path("studio-diffusion")


def state_folder(path: Path) -> Path:
    """The state folder, made where it is missing; what version 0.1.0 left open in it is closed.

    Raises OSError where it cannot be made.
    """
    if not path.exists() or _is_default(path):
        folder(path)
    for name in _LEFT_OPEN:
        _close(path / name)
    return path


def _is_default(path: Path) -> bool:
    try:
        return path == default_state()
    except RuntimeError:  # a user without a home
        return False


def folder(path: Path) -> Path:
    """A folder that is only ours, made where it is missing. Raises OSError where it cannot be made."""
    for missing in [*(parent for parent in reversed(path.parents) if not parent.exists()), path]:
        missing.mkdir(mode=0o700, exist_ok=True)
    _close(path)
    return path


def file(path: Path) -> Path:
    """A file, made empty where it is missing, in a folder that is there. Raises OSError where it cannot be made.

    SQLite gives the files that it puts beside its own the same mode.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return path


def replace(path: Path, content: bytes) -> None:
    """Create a file, or replace the one that is there, whole or not at all, in a folder that exists. Raises OSError."""
    replace_file(path, content, 0o600)


def _close(path: Path) -> None:
    with suppress(OSError):  # not there, somebody else's, or a file system without modes
        if path.stat().st_mode & 0o077:
            path.chmod(0o700 if path.is_dir() else 0o600)
