"""Private files in the state folder: the queue, indexes, lists and uploads.

They hold prompts, paths and pictures, so files get mode 0600 and folders 0700. An existing state folder that the user
chose with STUDIO_STATE keeps its mode, as it may hold other things. On Windows and on file systems without modes, only
the permissions of the parent folder protect them.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from studio.files.atomic_write import replace_file

_ONCE_READABLE: Final = (
    *(f"{name}{beside}" for name in ("queue.sqlite", "gallery-1.sqlite") for beside in ("", "-wal", "-shm")),
    *("gallery-folders.txt", "hashes.sqlite", "models.json", "models.lock", "loras.json", "seen.json", "thumbnails"),
)


def default_state() -> Path:
    """The folder of the queue and the indexes, unless STUDIO_STATE names another.

    Raises RuntimeError for a user without a home.
    """
    return user_state_path("studio-diffusion")


def state_folder(path: Path) -> Path:
    """The state folder, created if missing. Files that version 0.1.0 left readable for others are made private.

    Raises OSError if it cannot be created.
    """
    if not path.exists() or _is_default(path):
        folder(path)
    for name in _ONCE_READABLE:
        _make_private(path / name)
    return path


def _is_default(path: Path) -> bool:
    try:
        return path == default_state()
    except RuntimeError:  # a user without a home
        return False


def folder(path: Path) -> Path:
    """A private folder, created if missing. Raises OSError if it cannot be created."""
    for missing in [*(parent for parent in reversed(path.parents) if not parent.exists()), path]:
        missing.mkdir(mode=0o700, exist_ok=True)
    _make_private(path)
    return path


def file(path: Path) -> Path:
    """A private file in an existing folder, created empty if missing. Raises OSError if it cannot be created.

    SQLite gives the files that it creates beside its own the same mode.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return path


def replace(path: Path, content: bytes) -> None:
    """Create or replace a private file, whole or not at all, in an existing folder. Raises OSError."""
    replace_file(path, content, 0o600)


def _make_private(path: Path) -> None:
    with suppress(OSError):  # not there, somebody else's, or a file system without modes
        if path.stat().st_mode & 0o077:
            path.chmod(0o700 if path.is_dir() else 0o600)
