"""Moves finished files and folders to a new name without ever overwriting, and flushes them to the disk.

A hard link fails if the name is taken. exFAT, FAT, and many SMB and FUSE disks have no hard links. On those, Linux
renames with RENAME_NOREPLACE (man 2 renameat2), Windows' rename refuses a taken name anyway, and as a last resort the
name is reserved by creating it exclusively and then renaming over the reservation.
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
"""Errors that every method runs into. Disks without hard links report that with many other codes."""

_NO_SYNC: Final = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # from disks that cannot sync a folder
_FILLED: Final = 2.0  # seconds within which a reserved name is filled


def move_new(source: Path, target: Path) -> None:
    """Move a file or a folder to a free name on the same disk.

    Raises FileExistsError if the name is taken, and leaves ``source`` where it was; any other OSError if the disk
    refuses. ``source`` may stay as a second name of the same file if it cannot be deleted. Readers of ``target`` see
    all of it or nothing, except on a disk with neither links nor such a rename: there it is empty for a moment, and
    stays empty if the process is killed in that moment.
    """
    for way in (_link, _rename):
        try:
            return way(source, target)
        except FileExistsError:
            _wait_until_filled(target)
            raise
        except OSError as error:
            if error.errno in _FAILURES:
                raise
    try:
        _reserve(source, target)
    except FileExistsError:
        _wait_until_filled(target)
        raise


def flush(path: Path) -> None:
    """Flush a file's content, or the names in a folder, to the disk, so that they survive a power failure."""
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


def _link(source: Path, target: Path) -> None:
    os.link(source, target)  # never a folder: the system refuses that
    with suppress(OSError):
        source.unlink()


def _rename(source: Path, target: Path) -> None:
    """Rename unless the name is taken. Raises OSError if the system cannot do that."""
    if os.name == "nt":
        source.rename(target)
        return
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if renameat2(_HERE, os.fsencode(source), _HERE, os.fsencode(target), _NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def _reserve(source: Path, target: Path) -> None:
    folder = source.is_dir()
    if folder:
        target.mkdir()
    else:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        source.replace(target)
    except OSError:
        with suppress(OSError):
            target.rmdir() if folder else target.unlink()
        raise


def _wait_until_filled(target: Path) -> None:
    """Wait while the file is another process's reservation, so that callers then read a whole picture."""
    until = time.monotonic() + _FILLED
    with suppress(OSError):
        while _is_reserved(target.stat()) and time.monotonic() < until:
            time.sleep(0.01)


def _is_reserved(file: os.stat_result) -> bool:
    return stat.S_ISREG(file.st_mode) and not file.st_size and time.time() - file.st_mtime < _FILLED
