"""Gives finished files and folders their names without ever taking the place of another, and makes them last.

A hard link fails where the name is taken. exFAT, FAT, and many SMB and FUSE disks have none; there Linux renames with
RENAME_NOREPLACE (man 2 renameat2), Windows' rename refuses a taken name by itself, and what is left reserves the name
by creating it, which only one process can, and renames over its own reservation.
"""

import ctypes
import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_HERE, _NOREPLACE = -100, 1  # AT_FDCWD of fcntl.h, RENAME_NOREPLACE of linux/fs.h
_FAILURES: Final = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOENT)
"""What hinders every way. Of all that a disk may say of links that it does not know there is no list."""

_NO_SYNC: Final = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # said of a folder by disks that have no such call
_FILLED: Final = 2.0  # seconds within which whoever has reserved a name has renamed over it


def move_new(begun: Path, to: Path) -> None:
    """Move a file or a folder to a name on the same disk that is free.

    Raises FileExistsError where the name is taken, and leaves ``begun`` where it was then; any other OSError where the
    disk refuses. ``begun`` may stay where it cannot be deleted, as a second name of the same file. Who looks at ``to``
    sees all of it or nothing, but on a disk that knows neither links nor such a rename: there it is empty for a moment,
    and stays so if the process is killed then.
    """
    for way in (_link, _rename):
        try:
            return way(begun, to)
        except FileExistsError:
            _wait_until_filled(to)
            raise
        except OSError as error:
            if error.errno in _FAILURES:
                raise
    try:
        _reserve(begun, to)
    except FileExistsError:
        _wait_until_filled(to)
        raise


def flush(path: Path) -> None:
    """Make sure that a file's content, or the names in a folder, outlast a loss of power, as far as the disk can."""
    if os.name == "nt" and path.is_dir():  # which Windows cannot open
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


def _link(begun: Path, to: Path) -> None:
    os.link(begun, to)  # never a folder: the system refuses that
    with suppress(OSError):
        begun.unlink()


def _rename(begun: Path, to: Path) -> None:
    """Rename unless the name is taken, where the system can; raises OSError where it cannot."""
    if os.name == "nt":
        begun.rename(to)
        return
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if renameat2(_HERE, os.fsencode(begun), _HERE, os.fsencode(to), _NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(to))


def _reserve(begun: Path, to: Path) -> None:
    folder = begun.is_dir()
    if folder:
        to.mkdir()
    else:
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        begun.replace(to)
    except OSError:
        with suppress(OSError):
            to.rmdir() if folder else to.unlink()
        raise


def _wait_until_filled(to: Path) -> None:
    """Wait while the file there is another process's reservation, so that whoever reads it then reads a picture."""
    until = time.monotonic() + _FILLED
    with suppress(OSError):
        while _is_reserved(to.stat()) and time.monotonic() < until:
            time.sleep(0.01)


def _is_reserved(file: os.stat_result) -> bool:
    return stat.S_ISREG(file.st_mode) and not file.st_size and time.time() - file.st_mtime < _FILLED
