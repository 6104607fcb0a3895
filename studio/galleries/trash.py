"""A folder's trash: ``.studio/trash/TIME/``, where a picture keeps its path relative to the folder."""

import secrets
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final

from studio.errors import InputError, OutputError
from studio.files.no_overwrite import move_new
from studio.files.untrusted import is_file, resolved
from studio.galleries.folders import OWN, TRASH, own

_LINKED: Final = "leads through a link to another place, so it is not touched"


def put(file: Path, folder: Path) -> Path:
    """Move a picture into the trash of its folder; returns its new path.

    Raises InputError if it is not a file in the folder, OutputError if it cannot be moved.
    """
    _contained(file, folder)
    when = f"{datetime.now():%Y-%m-%d-%H%M%S}-{secrets.token_hex(4)}"
    into = _trash(folder) / when / file.relative_to(folder)
    try:
        into.parent.mkdir(parents=True)
        file.rename(into)
    except OSError as error:
        raise OutputError(f"cannot move '{file}' to the trash: {error.strerror or error}") from None
    return into


def restore(file: Path) -> Path:
    """Move a picture back to where it was and return the path; a name that is taken by now gets "-2", "-3" and so on.

    Raises InputError if it is not in a trash, OutputError if it cannot be moved.
    """
    folder, before = _folder(file), original_path(file)
    _contained(file, folder)
    try:
        _inside(before, folder)
        before.parent.mkdir(parents=True, exist_ok=True)
        return _moved(file, before)
    except OSError as error:
        raise OutputError(f"cannot bring '{file}' back: {error.strerror or error}") from None


def delete(file: Path) -> None:
    """Delete a picture in the trash permanently, and its folder there if that is empty now."""
    _contained(file, _folder(file))
    try:
        file.unlink()
        _tidy(file.parent)
    except OSError as error:
        raise OutputError(f"cannot delete '{file}': {error.strerror or error}") from None


def _moved(file: Path, to: Path) -> Path:
    for n in count(1):
        target = to if n == 1 else to.with_stem(f"{to.stem}-{n}")
        try:
            move_new(file, target)
        except FileExistsError:
            continue
        file.unlink(missing_ok=True)
        _tidy(file.parent)
        return target
    raise AssertionError  # count() never ends


def _tidy(folder: Path) -> None:
    """Remove folders of the trash that are empty now."""
    while folder.name != TRASH and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def original_path(file: Path) -> Path:
    """Where a file in the trash was; raises InputError if it is not in a trash."""
    folder = _folder(file)
    inside = file.relative_to(folder / OWN / TRASH).parts
    return folder.joinpath(*(inside[1:] or inside))


def _folder(file: Path) -> Path:
    """The folder that the trash with this file belongs to."""
    parts = file.parts
    at = next((n for n in range(1, len(parts) - 2) if parts[n : n + 2] == (OWN, TRASH)), None)
    if at is None or ".." in parts:
        raise InputError(f"'{file}' is not in the trash")
    return Path(*parts[:at])


def _contained(file: Path, folder: Path) -> None:
    if file.is_symlink() or not is_file(file):
        raise InputError(f"there is no file '{file}'")
    _inside(file, folder)


def _inside(file: Path, folder: Path) -> None:
    """Raise InputError if a path leads out of the folder once links are followed."""
    if resolved(file.parent) != resolved(folder) / file.parent.relative_to(folder):
        raise InputError(f"'{file}' {_LINKED}")


def _trash(folder: Path) -> Path:
    path = own(folder) / TRASH
    if path.is_symlink():
        raise InputError(f"'{path}' {_LINKED}")
    return path
