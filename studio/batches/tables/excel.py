"""Tables in Excel workbooks, read a row at a time."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from warnings import catch_warnings, simplefilter
from zipfile import ZipFile

from studio.batches.tables.merged import MergedCells
from studio.batches.tables.number_format import displayed
from studio.batches.tables.table import BatchTable, Displayed, Unread, of_lines, text
from studio.errors import InputError, reason
from studio.files.untrusted import open_file
from studio.plugins import unknown

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

_MOST_UNPACKED: Final = 100 * 10**6
_MOST_MARKS: Final = 4_000_000  # a cell has four: itself, its value, and their ends
_SYSTEMS_OWN: Final = (14, 22)
"""Numbers of the formats that show a date in the system's own format; here it is shown as in ISO 8601."""


def read(file: Path, sheet: str = "") -> BatchTable:
    """The table in the first sheet, or the one with this name. A formula's cell has its result.

    A formula that failed, or was never calculated, is a problem. Raises InputError for a file that is not a workbook.
    """
    try:
        with open_file(file) as stream, ZipFile(stream) as packed:
            _refuse_large(packed)
        return _read(file, sheet)
    except (InputError, OSError):
        raise
    except Exception as error:  # a damaged file can make openpyxl raise anything
        said = reason(error)[:200]
        raise InputError(f"it is not a readable Excel workbook ({said}); save it again as .xlsx") from None


def _refuse_large(packed: ZipFile) -> None:
    """Refuse a large workbook before it is parsed, which takes ten microseconds per XML tag."""
    if sum(part.file_size for part in packed.infolist()) > _MOST_UNPACKED:
        raise InputError(f"it unpacks to over {_MOST_UNPACKED // 10**6} MB; save its sheet as .csv")
    marks = 0
    for part in packed.infolist():
        with packed.open(part) as content:
            marks += sum(block.count(b"<") for block in iter(lambda: content.read(2**20), b""))
    if marks > _MOST_MARKS:
        raise InputError("it holds over a million cells, empty and hidden ones included; save its sheet as .csv")


def _read(file: Path, sheet: str) -> BatchTable:
    from openpyxl import load_workbook

    with catch_warnings():
        simplefilter("ignore")  # openpyxl warns about what it leaves out: formats, charts, validation lists
        values, formulas = (load_workbook(file, read_only=True, data_only=only) for only in (True, False))
        with closing(values), closing(formulas):
            shown, written = _sheet(values, sheet), _sheet(formulas, sheet)
            return of_lines(MergedCells.of(shown).filled(_lines(shown, written)))


def _sheet(book: "Workbook", name: str) -> Any:
    names = [one.title for one in book.worksheets]
    if name and name not in names:
        raise InputError(unknown("sheet", name, names))
    if not names:
        raise InputError("it has no sheet with cells")
    found = book[name or names[0]]
    found.reset_dimensions()  # they are only what the file claims; cells beyond them would be lost
    return found


def _lines(shown: Any, written: Any) -> Iterator[list[Any]]:
    for cells, formulas in zip(shown.iter_rows(), written.iter_rows(), strict=False):
        yield [_cell(*pair) for pair in zip(cells, formulas, strict=False)]


def _cell(cell: Any, written: Any) -> Any:
    """A cell as Excel shows it."""
    value = cell.value
    if cell.data_type == "e":
        return Unread(f"shows {value}; fix its formula")
    if value is None and written.data_type == "f" and cell.data_type == "n":
        return Unread("is a formula that was never calculated; open the file in Excel and save it")
    if value is None or (isinstance(value, str) and "@" not in cell.number_format):
        return value
    if cell.style_array.numFmtId in _SYSTEMS_OWN or (cell.number_format == "General" and not isinstance(value, bool)):
        return value
    try:
        shown = displayed(value, cell.number_format)
    except ValueError as error:
        return Unread(
            f"holds {text(value)} in the format '{cell.number_format}', and how Excel shows it is not known: {error}; "
            "write it as text"
        )
    return shown if isinstance(value, str) else Displayed.of(shown, value)
