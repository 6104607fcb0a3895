"""Reads table files by their ending: .csv, .tsv, .jsonl, .xlsx."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from studio.batches.tables import delimited, excel, jsonlines
from studio.batches.tables.table import MOST_BYTES, BatchTable, of_python
from studio.errors import InputError
from studio.files.untrusted import exists, open_file

_READERS: Final[Mapping[str, Callable[[Path, str, str], BatchTable]]] = {
    ".csv": lambda file, encoding, _: delimited.read(file, encoding),
    ".tsv": lambda file, encoding, _: delimited.read(file, encoding, "\t"),
    ".jsonl": lambda file, encoding, _: jsonlines.read(file, encoding),
    ".xlsx": lambda file, _, sheet: excel.read(file, sheet),
    ".xlsm": lambda file, _, sheet: excel.read(file, sheet),
}
ENDINGS: Final = tuple(_READERS)


def of(source: Any, encoding: str = "") -> BatchTable:
    """The table in a file, or from Python values, as ``read`` and ``table.of_python`` do."""
    return read(source, encoding) if isinstance(source, str | Path) else of_python(source)


def read(ref: str | Path, encoding: str = "") -> BatchTable:
    """The table in a file; of a workbook the first sheet, or that of "TABLE.xlsx#Sheet".

    ``encoding`` is that of a text file that is neither UTF-8 nor UTF-16. Raises InputError in one line.
    """
    path, sheet = _split(str(ref))
    reader = _READERS.get(path.suffix.lower())
    if not reader:
        raise InputError(f"'{path}' is not a table the studio reads; save it as {', '.join(_READERS)}")
    try:
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
        if not size:
            raise InputError("it is empty; write the columns' names into its first row")
        if size > MOST_BYTES:
            raise InputError(f"it is larger than {MOST_BYTES // 10**6} MB; split it into several tables")
        return replace(reader(path, encoding, sheet), folder=path.parent)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except InputError as error:
        raise InputError(f"'{path.name}': {error}") from None


def _split(ref: str) -> tuple[Path, str]:
    """A file and the sheet in it; a file whose own name contains "#" is that file."""
    file, _, sheet = ref.rpartition("#")
    return (Path(file), sheet) if file and not exists(Path(ref)) else (Path(ref), "")
