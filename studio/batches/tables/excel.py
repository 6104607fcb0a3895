"""Tables in Excel workbooks, read a row at a time."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from warnings import catch_warnings, simplefilter
from zipfile import ZipFile

from studio.batches.tables.table import Table, Unread, of_lines
from studio.errors import InputError, reason
from studio.plugins import unknown
from studio.untrusted.files import open_file

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

_MOST_UNPACKED: Final = 100 * 10**6
_MOST_MARKS: Final = 4_000_000  # a cell has four: itself, its value, and their ends


def read(file: Path, sheet: str = "") -> Table:
    """The table in the first sheet, or the one of this name. A formula's cell says what it came to.

    A formula that failed, or was never worked out, is a problem. Raises InputError for a file that is no workbook.
    """
    try:
        with open_file(file) as stream, ZipFile(stream) as packed:
            _refuse_large(packed)
        return _read(file, sheet)
    except (InputError, OSError):
        raise
    except Exception as error:  # what a damaged file makes openpyxl stumble over has no end
        said = reason(error)[:200]
        raise InputError(f"it is no Excel workbook that can be read ({said}); save it anew as .xlsx") from None


def _refuse_large(packed: ZipFile) -> None:
    """Before anything is made of it, which takes ten microseconds for each thing that its XML marks."""
    if sum(part.file_size for part in packed.infolist()) > _MOST_UNPACKED:
        raise InputError(f"it unpacks to over {_MOST_UNPACKED // 10**6} MB; save its sheet as .csv")
    marks = 0
    for part in packed.infolist():
        with packed.open(part) as content:
            marks += sum(block.count(b"<") for block in iter(lambda: content.read(2**20), b""))
    if marks > _MOST_MARKS:
        raise InputError("it holds over a million cells, empty and hidden ones counted; save its sheet as .csv")


def _read(file: Path, sheet: str) -> Table:
    from openpyxl import load_workbook

    with catch_warnings():
        simplefilter("ignore")  # it warns of what it leaves out: looks, charts, lists to choose from
        values, formulas = (load_workbook(file, read_only=True, data_only=only) for only in (True, False))
        with closing(values), closing(formulas):
            return of_lines(_lines(values, formulas, sheet), whole=False)


def _lines(values: "Workbook", formulas: "Workbook", sheet: str) -> Iterator[list[Any]]:
    names = [one.title for one in values.worksheets]
    if sheet and sheet not in names:
        raise InputError(unknown("sheet", sheet, names))
    if not names:
        raise InputError("it has no sheet with cells")
    name = sheet or names[0]
    for book in (values, formulas):
        book[name].reset_dimensions()  # they are what the file claims; cells beyond them would be lost
    for shown, written in zip(values[name].iter_rows(), formulas[name].iter_rows(), strict=False):
        pairs = zip(shown, written, strict=False)  # most cells of a wide sheet are empty
        yield [None if one.value is None and two.value is None else _shown(one, two) for one, two in pairs]


def _shown(cell: Any, written: Any) -> Any:
    """What people see in a cell; of a number the digits, not how many of them, but for leading zeros."""
    value = cell.value
    if cell.data_type == "e":
        return Unread(f"says {value}; mend its formula")
    if value is None and written.data_type == "f" and cell.data_type == "n":
        return Unread("is a formula that was never worked out; open the file in Excel and save it")
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, int) and re.fullmatch("0{1,30}", cell.number_format or ""):
        return f"{value:0{len(cell.number_format)}d}"
    return value
