"""A batch's contact sheet: an HTML page that needs nothing but its folder, and PNG pages to share.

Both use small JPEG copies of the pictures, each made once, so that thousands are still quick to scroll.
"""

import hashlib
import io
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from studio.batches import contact_sheet_html, manifest
from studio.batches.contact_sheet_html import FOLDER, PAGE
from studio.batches.manifest_row import ManifestRow
from studio.errors import InputError
from studio.files.untrusted import exists, is_file, open_file, resolved
from studio.images.grid import GROUND, sheet
from studio.images.image_file import open_image, png_texts
from studio.images.text_rendering import DARK, font
from studio.images.transparency import on_ground
from studio.pictures.publish import name_taken, output_errors, replace

_SIDE: Final = 320  # pixels of a copy's longer side
_ACROSS, _ON_A_PAGE = 5, 40  # pictures
_LETTERS, _WORDS = 15, 44  # pixels: the letters, and the strip for two lines of them
_MARK: Final = "studio contact sheet"  # the text chunk that identifies our pages, and what is on them
_OURS: Final = re.compile(r"[0-9a-f]{32}\.jpg|page-\d+\.png")


def check(out: Path) -> None:
    """Raise InputError if a file that is not a batch's has the page's name: it would be lost."""
    begins = contact_sheet_html.BEGINS.encode()
    with output_errors(out / PAGE), suppress(FileNotFoundError), open_file(out / PAGE) as file:
        if file.read(len(begins)) != begins:
            raise InputError(f"'{out / PAGE}' was not written by a batch; move it, or choose another folder")


def write(out: Path) -> Path:
    """Write the contact sheet of the batch in a folder, from its manifest, and return the HTML page.

    Only what is new is drawn. Raises InputError if another file is in the way, OutputError if it cannot be written.
    """
    with output_errors(out):
        return _write(out)


def _write(out: Path) -> Path:
    check(out)
    shown, missing = _listed(out)
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda line: _copy(line, out), shown))
    parts = [shown[first : first + _ON_A_PAGE] for first in range(0, len(shown), _ON_A_PAGE)]
    pages = [_page(out, f"page-{n}.png", part) for n, part in enumerate(parts, 1)]
    replace(out / PAGE, contact_sheet_html.html(resolved(out).name, shown, missing, pages).encode())
    _tidy(out / FOLDER, {*pages, *(contact_sheet_html.copy_of(line).name for line in shown)})
    return out / PAGE


def html(out: Path) -> str:
    """The HTML page as ``write`` would write it, with the existing PNG pages.

    Raises OutputError if the manifest cannot be read.
    """
    with output_errors(out):
        shown, missing = _listed(out)
        count = -(-len(shown) // _ON_A_PAGE)
        pages = [name for n in range(1, count + 1) if is_file(out / FOLDER / (name := f"page-{n}.png"))]
        return contact_sheet_html.html(resolved(out).name, shown, missing, pages)


def _listed(out: Path) -> tuple[list[ManifestRow], list[ManifestRow]]:
    """The manifest's rows with a picture, and those without one."""
    entries = list(manifest.lines(out))
    shown = [line for line in entries if line.status == "made" and is_file(out / line.file)]
    return shown, [line for line in entries if line.status != "made"]


def _copy(line: ManifestRow, out: Path) -> None:
    """Make the small copy of a picture if it is missing; a damaged picture gets none."""
    path = out / contact_sheet_html.copy_of(line)
    with suppress(InputError):
        if not exists(path):
            image, content = on_ground(open_image(out / line.file)), io.BytesIO()
            image.thumbnail((_SIDE, _SIDE))
            image.save(content, "JPEG", quality=85)
            replace(path, content.getvalue())


def _page(out: Path, name: str, lines: Sequence[ManifestRow]) -> str:
    """Draw a PNG page unless it is up to date; returns its name."""
    path = out / FOLDER / name
    holds = hashlib.sha256("\n".join(f"{line.key} {line.row} {line.file}" for line in lines).encode()).hexdigest()
    there = _mark(path)
    if there != holds:
        if there is None:
            raise name_taken(path)
        cells = [_cell(line, out) for line in lines]
        info, content = PngInfo(), io.BytesIO()
        info.add_text(_MARK, holds)
        rows = [cells[first : first + _ACROSS] for first in range(0, len(cells), _ACROSS)]
        sheet(rows).save(content, "PNG", pnginfo=info, compress_level=2)
        replace(path, content.getvalue())
    return name


def _mark(path: Path) -> str | None:
    """What is on our page at ``path``; "" if there is none, None if the file is not ours."""
    try:
        with open_file(path) as file:
            mark = png_texts(file).get(_MARK)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return mark if isinstance(mark, str) else None


def _cell(line: ManifestRow, out: Path) -> Image.Image:
    """A picture's copy with its file and row below."""
    cell = Image.new("RGB", (_SIDE, _SIDE + _WORDS), GROUND)
    _copy(line, out)  # another process may have deleted it
    with suppress(InputError):
        copy = open_image(out / contact_sheet_html.copy_of(line))
        cell.paste(copy, ((_SIDE - copy.width) // 2, (_SIDE - copy.height) // 2))
    words = f"{_fitted(line.file)}\nrow {line.row}"
    at, letters = (_SIDE / 2, _SIDE + 4), font(_LETTERS)
    ImageDraw.Draw(cell).text(at, words, font=letters, fill=DARK, anchor="ma", align="center")
    return cell


def _fitted(name: str) -> str:
    """The name, shortened in the middle if it is too long for a cell."""
    letters, keep = font(_LETTERS), len(name)
    fitted = name
    while letters.getlength(fitted) > _SIDE:
        keep -= 1
        fitted = f"{name[: keep // 2]}…{name[-(keep - keep // 2) :]}"
    return fitted


def _tidy(folder: Path, wanted: set[str]) -> None:
    """Delete copies of pictures that are gone."""
    with suppress(OSError):
        for file in folder.iterdir():
            if _OURS.fullmatch(file.name) and file.name not in wanted:
                file.unlink()
