"""The contact sheet as one HTML file: it works from the disk and loads nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from studio.batches.manifest_row import ManifestRow

PAGE, FOLDER = "contact-sheet.html", "contact-sheet"
BEGINS: Final = "<!doctype html><!-- contact sheet of a batch -->"

_STYLE: Final = """
:root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif }
body { margin: 0 auto; padding: 16px; max-width: 1800px }
header { position: sticky; top: 0; z-index: 1; padding: 8px 0; background: Canvas;
  display: flex; flex-wrap: wrap; gap: 12px; align-items: center }
h1 { font-size: 18px; margin: 0 }
input { font: inherit; padding: 6px 10px; flex: 1; min-width: 160px; max-width: 400px }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 16px }
figure { margin: 0; content-visibility: auto; contain-intrinsic-size: auto 240px }
figure[hidden] { display: none }
figure a { display: grid; place-items: center; aspect-ratio: 1; background: #8881;
  border-radius: 6px; overflow: hidden }
img { max-width: 100%; max-height: 100% }
figcaption { padding: 4px 2px; overflow-wrap: anywhere }
small { opacity: .75 }
table { border-collapse: collapse } td, th { text-align: left; padding: 4px 12px 4px 0; overflow-wrap: anywhere }
"""
_SCRIPT: Final = """
const box = document.querySelector("input"), count = document.querySelector("output");
const cards = [...document.querySelectorAll("figure")];
box.addEventListener("input", () => {
  const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const card of cards) {
    card.hidden = !words.every(word => card.dataset.words.includes(word));
    shown += !card.hidden;
  }
  count.value = words.length ? `${shown} of ${cards.length}` : "";
});
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
POLICY: Final = f"default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'"
"""What a browser may do with the page: show pictures beside it and run its own script."""


def html(title: str, shown: Sequence[ManifestRow], missing: Sequence[ManifestRow], sheets: Sequence[str]) -> str:
    """The page for a batch: pictures to show, rows without one, the names of the PNG pages.

    All text is text, never markup.
    """
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    )
    return (
        f'{BEGINS}<html lang="en"><head>{head}</head><body><header><h1>{escape(title)}</h1>'
        f"<span>{_counted(len(shown), 'picture')}{_left_out(missing)}</span>"
        f'<input type="search" placeholder="Filter by any words" aria-label="Filter by any words"><output></output>'
        f"{_sheets(sheets)}</header><main>{''.join(map(_figure, shown))}</main>"
        f"{_problems(missing)}<script>{_SCRIPT}</script></body></html>\n"
    )


def copy_of(line: ManifestRow) -> PurePosixPath:
    """The path of a picture's small copy, below the batch's folder."""
    return PurePosixPath(FOLDER) / f"{line.key[:32]}.jpg"


def _figure(line: ManifestRow) -> str:
    words = " ".join([line.file, f"row {line.row}", *line.cells.values()])
    cells = "\n".join(f"{name}: {cell}" for name, cell in line.cells.items())
    return (
        f'<figure data-words="{escape(words.lower())}" title="{escape(cells)}">'
        f'<a href="{_address(line.file)}"><img loading="lazy" decoding="async" alt="{escape(line.file)}" '
        f'src="{_address(str(copy_of(line)))}"></a>'
        f"<figcaption>{escape(line.file)}<br><small>row {line.row}, seed {line.seed}</small></figcaption></figure>\n"
    )


def _sheets(names: Sequence[str]) -> str:
    links = (f'<a href="{_address(f"{FOLDER}/{name}")}">{n}</a>' for n, name in enumerate(names, 1))
    return f"<nav>As PNG: {' '.join(links)}</nav>" if names else ""


def _left_out(lines: Sequence[ManifestRow]) -> str:
    return f', <a href="#problems">{_counted(len(lines), "row")} without</a>' if lines else ""


def _problems(lines: Sequence[ManifestRow]) -> str:
    if not lines:
        return ""
    rows = "".join(f"<tr><td>{line.row}</td><td>{escape(line.problem)}</td></tr>" for line in lines)
    head = "<tr><th>row</th><th>why</th></tr>"
    return f"<h2 id=problems>{_counted(len(lines), 'row')} without a picture</h2><table>{head}{rows}</table>"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _address(path: str) -> str:
    """A relative address; a colon in the name does not make it a scheme."""
    return escape(f"./{quote(path)}")
