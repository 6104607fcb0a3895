"""Draws text on pictures: the bundled font, text that is wrapped to fit, and readable colours."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.config import shipped
from studio.errors import InputError

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

RGB = tuple[int, int, int]
DARK: Final[RGB] = (22, 22, 28)
LIGHT: Final[RGB] = (250, 250, 250)
LEADING: Final = 1.16  # line height, in font sizes
_CAPITAL: Final = 0.727  # height of Inter's capitals, in font sizes

_SMALLEST: Final = 8
_FILES: Final = {False: "Inter-Regular.otf", True: "InterDisplay-ExtraBold.otf"}


@dataclass(frozen=True)
class TextBlock:
    """Lines of text in one font, ``step`` pixels apart."""

    font: "FreeTypeFont"
    lines: tuple[str, ...]
    step: float

    @property
    def height(self) -> float:
        """From the top of the first line's capitals to the baseline of the last line."""
        return (len(self.lines) - 1) * self.step + _CAPITAL * self.font.size

    def draw(self, pen: "ImageDraw", left: float, top: float, ink: RGB) -> None:
        """Draw the lines with their left edge and the top of their capitals at this position, in pixels."""
        for n, line in enumerate(self.lines):
            foot = top + n * self.step + _CAPITAL * self.font.size
            pen.text((left, foot), line, font=self.font, fill=ink, anchor="ls")


def font(size: float, *, bold: bool = False) -> "FreeTypeFont":
    """Inter in a size of ``size`` pixels per em."""
    from PIL import ImageFont

    return ImageFont.truetype(_path(bold), max(1, round(size)))


def fitted(
    text: str, width: float, height: float, largest: float, *, bold: bool = False, leading: float = LEADING
) -> TextBlock:
    """The text, wrapped at spaces, in the largest font up to ``largest`` pixels that fits the box.

    Raises InputError if it would be too small to read, or if the font lacks a letter.
    """
    _check(text, bold)
    size = largest
    while size >= _SMALLEST:
        letters = font(size, bold=bold)
        lines = TextBlock(letters, tuple(_balanced(text, letters, width)), letters.size * leading)
        if lines.height <= height and all(letters.getlength(line) <= width for line in lines.lines):
            return lines
        size *= 0.95
    raise InputError(f"'{text[:40]}' is too long for the picture; shorten it, or use a larger picture")


def wrapped(text: str, letters: "FreeTypeFont", width: float) -> list[str]:
    """The text in lines of at most ``width`` pixels, broken at spaces; existing line breaks are kept."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and letters.getlength(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def _balanced(text: str, letters: "FreeTypeFont", width: float) -> list[str]:
    """Like ``wrapped``, with the same number of lines but of similar lengths, so that no word is left alone."""
    lines = wrapped(text, letters, width)
    for percent in range(50, 100, 5):
        narrower = wrapped(text, letters, width * percent / 100)
        if len(narrower) == len(lines):
            return narrower
    return lines


def ink_on(ground: RGB) -> RGB:
    """Dark or light, whichever has more contrast."""
    return max((DARK, LIGHT), key=lambda ink: contrast(ink, ground))


def contrast(one: RGB, other: RGB) -> float:
    """The contrast ratio of two colours, 1 to 21, as WCAG 2.2 defines it (w3.org/TR/WCAG22)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: RGB) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (w3.org/TR/WCAG22)."""
    levels = (level / 255 for level in colour)
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in levels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _check(text: str, bold: bool) -> None:
    letters = font(40, bold=bold)
    missing = bytes(letters.getmask("\uffff"))
    absent = [letter for letter in dict.fromkeys(text) if letter.strip() and bytes(letters.getmask(letter)) == missing]
    if absent:
        raise InputError(f"the font has no '{''.join(absent[:5])}'; it holds Latin, Greek and Cyrillic letters")


def _path(bold: bool) -> Path:
    return shipped("assets") / "fonts" / _FILES[bold]
