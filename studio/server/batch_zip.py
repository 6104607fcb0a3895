"""A batch as one ZIP file, written while it is sent, without a copy in memory or on the disk."""

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from studio.batches import contact_sheet, contact_sheet_html, manifest
from studio.ui import uploads

_CHUNK: Final = 2**20  # bytes read at once


def zipped(folder: Path) -> Iterator[bytes]:
    """The ZIP of a batch's folder: the pictures of its manifest, manifest and contact sheet, in a folder with its name.

    No name in it leads out of that folder, and no file from elsewhere is included, whatever manifest and links say.
    """
    sink = _Sink()
    # deflated, though pictures gain nothing: some programs cannot read stored members of a stream
    with ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for path in _files(folder.resolve()):
            place = path.relative_to(folder.resolve().parent).as_posix()
            with suppress(FileNotFoundError), path.open("rb") as file:  # deleted since it was listed
                info = ZipInfo.from_file(path, place, strict_timestamps=False)
                info.compress_type = ZIP_DEFLATED
                with archive.open(info, "w") as member:
                    while chunk := file.read(_CHUNK):
                        member.write(chunk)
                        yield sink.taken()
        # rebuilt: a file in a folder of pictures is not trusted
        archive.writestr(f"{folder.resolve().name}/{contact_sheet_html.PAGE}", contact_sheet.html(folder))
    yield sink.taken()


def _files(folder: Path) -> list[Path]:
    """The files below a folder that belong to its batch."""
    made = [line.file for line in manifest.lines(folder) if line.status == "made"]
    copies = [
        f"{contact_sheet_html.FOLDER}/{path.name}"
        for path in sorted((folder / contact_sheet_html.FOLDER).glob("*.[jp][pn]g"))
    ]
    names = dict.fromkeys([*made, manifest.TABLE, manifest.LINES, *copies])
    return list(dict.fromkeys(path for name in names if (path := uploads.contained(folder, name))))


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """Everything written since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
