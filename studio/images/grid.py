"""Arranges pictures in a grid, with labels above the columns and beside the rows."""

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from studio.images.text_rendering import DARK, LEADING, font, wrapped
from studio.images.transparency import on_ground

_GAP, _LARGEST, _LETTERS = 12, 512, 15
GROUND: Final = "#f1f1f3"  # white pictures must stand out against it


def sheet(
    rows: Sequence[Sequence[Image.Image]], columns: Sequence[str] = (), beside: Sequence[str] = (), title: str = ""
) -> Image.Image:
    """One page; pictures are shrunk to 512 pixels at most and centred in their cells."""
    rows = [[_shrunk(picture) for picture in row] for row in rows]
    width, height = (max(picture.size[side] for row in rows for picture in row) for side in (0, 1))
    left = _GAP + (width // 2 if any(beside) else 0)
    heading = _band([title], width * len(rows[0]))
    top = _GAP + heading + _band(columns, width)
    page = Image.new("RGB", (left + len(rows[0]) * (width + _GAP), top + len(rows) * (height + _GAP)), GROUND)
    _write(page, title, (left, _GAP), width * len(rows[0]), "la")
    for c, words in enumerate(columns):
        _write(page, words, (left + c * (width + _GAP) + width / 2, _GAP + heading), width, "ma")
    for r, row in enumerate(rows):
        middle = top + r * (height + _GAP) + height / 2
        _write(page, beside[r] if beside else "", (left - _GAP, middle), left - 2 * _GAP, "rm")
        for c, picture in enumerate(row):
            x = left + c * (width + _GAP) + (width - picture.width) // 2
            page.paste(picture, (x, int(middle - picture.height / 2)))
    return page


def captioned(pictures: Sequence[tuple[str, Image.Image]], across: int = 4) -> Image.Image:
    """Pictures in rows of ``across``, each with its caption above."""
    rows = [pictures[n : n + across] for n in range(0, len(pictures), across)]
    return stacked([sheet([[picture for _, picture in row]], [words for words, _ in row]) for row in rows])


def stacked(pages: Sequence[Image.Image]) -> Image.Image:
    """Pages one below another."""
    whole = Image.new("RGB", (max(page.width for page in pages), sum(page.height for page in pages)), GROUND)
    y = 0
    for page in pages:
        whole.paste(page, (0, y))
        y += page.height
    return whole


def _shrunk(picture: Image.Image) -> Image.Image:
    scale = min(1, _LARGEST / max(picture.size))
    return on_ground(picture, GROUND).resize([max(1, round(side * scale)) for side in picture.size])


def _band(labels: Sequence[str], width: int) -> int:
    """The height that the labels need."""
    lines = max((len(wrapped(label, font(_LETTERS), width)) for label in labels), default=0)
    return round(lines * _LETTERS * LEADING) + (_GAP if lines else 0)


def _write(page: Image.Image, words: str, at: tuple[float, float], width: int, anchor: str) -> None:
    letters = font(_LETTERS)
    align = {"l": "left", "m": "center", "r": "right"}[anchor[0]]
    text = "\n".join(wrapped(words, letters, width))
    ImageDraw.Draw(page).text(at, text, font=letters, fill=DARK, anchor=anchor, align=align)
