"""``manifest.jsonl`` and ``manifest.csv``: what became of every row, beside the pictures.

While a batch runs, ``manifest.jsonl`` is a journal: a line for each outcome is appended and flushed. Of a row with
several lines the last counts; a truncated line is ignored. At the end both files are rewritten as a whole. The pictures
are the truth: a lost manifest is rebuilt from them, except which rows had failed.

``manifest.csv`` is for spreadsheets. It is UTF-8 with a byte order mark, without which Excel misreads it, and a text
that a spreadsheet would take for a formula gets an apostrophe (owasp.org, "CSV Injection"): tables, models and LoRAs
are not trusted. ``manifest.jsonl`` has every text unchanged.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from studio.batches.manifest_row import ManifestRow, ManifestSource
from studio.errors import InputError
from studio.files.untrusted import open_file, read_lines
from studio.pictures.publish import output_errors, replace

LINES, TABLE = "manifest.jsonl", "manifest.csv"
_LONGEST, _LARGEST = 2**20, 2**31  # bytes of a line, and of a million of them

_COLUMNS: Final = (
    "row", "file", "status", "seed", "key", "sha256", "model", "model_sha256", "model_licence",
    "loras", "loras_sha256", "loras_licence", "seconds", "problem",
)  # fmt: skip
_BEGINS: Final = {LINES: b'{"row":', TABLE: b"\xef\xbb\xbf" + ",".join(_COLUMNS[:4]).encode()}
_FORMULA: Final = re.compile(r"\s*[=+\-@\t\r\0|]")
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?", re.IGNORECASE)


def check(out: Path) -> None:
    """Raise InputError if a file that is not a batch's has a manifest's name: it would be lost."""
    for name, begins in _BEGINS.items():
        head = _head(out / name, len(begins))
        if not begins.startswith(head):
            raise InputError(f"'{out / name}' was not written by a batch; move it, or choose another folder")


def lines(out: Path) -> Iterator[ManifestRow]:
    """Every readable line; none if there is no manifest. Raises OutputError if the disk fails."""
    with output_errors(out / LINES), suppress(FileNotFoundError):
        for line in read_lines(out / LINES, _LONGEST, _LARGEST):
            with suppress(ValidationError):
                yield ManifestRow.model_validate_json(line)


def append(out: Path, entry: ManifestRow) -> None:
    """Append a line, after a truncated one on a new line. Raises OutputError if it cannot be written."""
    path, line = out / LINES, entry.model_dump_json().encode() + b"\n"
    with output_errors(path), path.open("ab+", buffering=0) as file:
        file.write(line if _ends_whole(file) else b"\n" + line)


def write(out: Path, entries: Sequence[ManifestRow], columns: Sequence[str]) -> None:
    """Rewrite both files, each as a whole or not at all; raises OutputError if they cannot be written."""
    replace(out / LINES, b"".join(entry.model_dump_json().encode() + b"\n" for entry in entries))
    replace(out / TABLE, _table(entries, columns).encode("utf-8-sig"))


def _head(path: Path, size: int) -> bytes:
    with output_errors(path), suppress(FileNotFoundError), open_file(path) as file:
        return file.read(size)
    return b""


def _ends_whole(file: io.FileIO) -> bool:
    if not file.seek(0, os.SEEK_END):
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _table(entries: Iterable[ManifestRow], columns: Sequence[str]) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow([*_COLUMNS, *(_safe(f"table {name}" if name in _COLUMNS else name) for name in columns)])
    for entry in entries:
        table.writerow([_safe(value) for value in (*_fixed(entry), *(entry.cells.get(name, "") for name in columns))])
    return text.getvalue()


def _fixed(entry: ManifestRow) -> list[str]:
    """The values of ``_COLUMNS``."""
    return [
        str(entry.row), entry.file, entry.status,
        "" if entry.seed is None else str(entry.seed), entry.key, entry.sha256,
        *_listed(entry.models), *_listed(entry.loras),
        "" if entry.seconds is None else str(entry.seconds), entry.problem,
    ]  # fmt: skip


def _listed(sources: tuple[ManifestSource, ...]) -> tuple[str, str, str]:
    return (
        "; ".join(source.name for source in sources),
        "; ".join(source.sha256 for source in sources),
        "; ".join(source.licence for source in sources),
    )


def _safe(text: str) -> str:
    """The text, so that no spreadsheet computes it; numbers stay numbers."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
