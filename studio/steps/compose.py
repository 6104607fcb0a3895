"""A picture with text and a logo, as on a poster."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageOps
from pydantic import Field

from studio.diffusion.engine import Engine
from studio.diffusion.images import opaque, opened
from studio.images.text_rendering import DARK, LIGHT, RGB, TextBlock, contrast, fitted, ink_on
from studio.parameters.types import Colour, Kind, Picture, Text

Title = Annotated[Text, Field(min_length=1, max_length=200, title="Title", description="The large words.")]
Subtitle = Annotated[Text, Field(max_length=500, title="Subtitle", description="The small words below it.")]
Logo = Annotated[Picture, Field(title="Logo", description="A small picture for the corner; transparency is kept.")]
Layout = Annotated[
    Literal["below", "over"],
    Field(title="Layout", description="Words below the picture, or over its lower part."),
    Kind("choice"),
]
Ground = Annotated[
    Colour, Field(title="Background", description="The colour behind the words. Empty: from the picture.")
]
Ink = Annotated[
    Colour, Field(title="Text colour", description="The colour of the words. Empty: the one that reads best.")
]

_READABLE: Final = 4.5  # the contrast that WCAG 2.2 requires of text
_QUIET: Final = 1.6  # contrast within the background up to which text is easy to read
_MARGIN, _TITLE, _SUBTITLE, _LOGO = 0.07, 0.15, 0.042, (0.24, 0.09)  # in widths of the picture


@dataclass(frozen=True)
class CaptionBlock:
    """Text and logo, laid out for a width of ``width`` pixels and measured before anything is drawn."""

    width: int
    title: TextBlock
    subtitle: TextBlock | None
    logo: Image.Image | None

    @property
    def margin(self) -> int:
        return round(self.width * _MARGIN)

    @property
    def foot(self) -> float:
        """Height of what is below the title."""
        return max(self.subtitle.height if self.subtitle else 0, self.logo.height if self.logo else 0)

    @property
    def height(self) -> int:
        return round(2 * self.margin + self.title.height + (self.foot + self.margin if self.foot else 0))

    def draw(self, page: Image.Image, ink: RGB) -> None:
        """Draw it at the bottom of the page."""
        pen, top = ImageDraw.Draw(page), page.height - self.height + self.margin
        self.title.draw(pen, self.margin, top, ink)
        if self.subtitle:
            self.subtitle.draw(pen, self.margin, page.height - self.margin - self.foot, ink)
        if self.logo:
            corner = (self.width - self.margin - self.logo.width, page.height - self.margin - self.logo.height)
            page.paste(self.logo, corner, self.logo)


def run(
    engine: Engine,  # noqa: ARG001 every step is given one
    image: Picture,
    title: Title,
    subtitle: Subtitle = "",
    logo: Logo | None = None,
    layout: Layout = "below",
    ground: Ground | None = None,
    ink: Ink | None = None,
) -> Image.Image:
    """The picture with the text, as large as it fits, in a colour that is readable on its background."""
    compose = _below if layout == "below" else _over
    picture = opaque(image)
    return compose(picture, _block(picture.width, title, subtitle, logo), _rgb(ground), _rgb(ink))


def _block(width: int, title: str, subtitle: str, logo: Picture | None) -> CaptionBlock:
    mark = _logo(logo, width) if logo else None
    inner = width * (1 - 2 * _MARGIN)
    beside = inner - (mark.width + width * _MARGIN if mark else 0)
    large = fitted(title, inner, width * 0.5, width * _TITLE, bold=True, leading=1.02)
    small = fitted(subtitle, beside, width * 0.3, width * _SUBTITLE, leading=1.35) if subtitle.strip() else None
    return CaptionBlock(width, large, small, mark)


def _logo(logo: Picture, width: int) -> Image.Image:
    image = opened(logo).convert("RGBA")
    return ImageOps.contain(image, (round(width * _LOGO[0]), round(width * _LOGO[1])), Image.Resampling.LANCZOS)


def _rgb(colour: str | None) -> RGB | None:
    return ImageColor.getrgb(colour)[:3] if colour else None


def _below(picture: Image.Image, block: CaptionBlock, ground: RGB | None, ink: RGB | None) -> Image.Image:
    """The picture, and the text below it on a background that continues its colour."""
    ground = ground or _median(picture.crop((0, picture.height - max(1, picture.height // 32), *picture.size)))
    page = Image.new("RGB", (picture.width, picture.height + block.height), ground)
    page.paste(picture)
    block.draw(page, ink or ink_on(ground))
    return page


def _over(picture: Image.Image, block: CaptionBlock, ground: RGB | None, ink: RGB | None) -> Image.Image:
    """The text on the picture, whose lower part is veiled as far as readability needs."""
    top = max(0, picture.height - block.height)
    behind = picture.crop((0, top, *picture.size))
    ink = ink or ink_on(ground or _median(behind))
    veil = ground or (DARK if contrast(ink, DARK) > contrast(ink, LIGHT) else LIGHT)
    page = _veiled(picture, top, veil, _opacity(behind, veil, ink))
    block.draw(page, ink)
    return page


def _median(image: Image.Image) -> RGB:
    red, green, blue = np.median(np.asarray(image).reshape(-1, 3), axis=0).round().astype(int).tolist()
    return red, green, blue


def _opacity(behind: Image.Image, veil: RGB, ink: RGB) -> float:
    """The lowest opacity of the veil, 0 to 1, with which the text stands out and its background is calm."""
    parts = np.asarray(behind.resize((24, 12), Image.Resampling.BOX)).reshape(-1, 3)
    for tenths in range(10):
        mixed = (parts + (np.array(veil) - parts) * tenths / 10).astype(int).tolist()
        ratios = [contrast(ink, (red, green, blue)) for red, green, blue in mixed]
        if min(ratios) >= _READABLE and max(ratios) <= _QUIET * min(ratios):
            return tenths / 10
    return 1.0


def _veiled(picture: Image.Image, top: int, veil: RGB, opacity: float) -> Image.Image:
    """The picture with the veil below ``top``, fading in above it."""
    fade = max(1, (picture.height - top) // 3)
    rising = np.clip((np.arange(picture.height) - top + fade) / fade, 0, 1) * opacity * 255
    mask = Image.fromarray(np.repeat(rising[:, None].round().astype(np.uint8), picture.width, axis=1))
    return Image.composite(Image.new("RGB", picture.size, veil), picture, mask)
