"""Spark's own drawings in two other styles: what the example LoRAs learn from.

``python -m studio.spark.styles neon-outline FOLDER`` writes drawings with their captions beside them, ready for
``studio train lora FOLDER``.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageOps

from studio.spark.captions import caption
from studio.spark.draw import paint
from studio.spark.palette import COLOURS, RGB
from studio.spark.truth import Truth, choose

_FIRST: Final = 60_000_000  # far from the seeds of Spark's training and of its measure
_FINE: Final = 2  # drawn so many times finer and averaged down

Style = Callable[[Image.Image, RGB, RGB], Image.Image]
"""Paints a mask (where the ink is) in a colour on a background."""


def neon(mask: Image.Image, colour: RGB, background: RGB) -> Image.Image:
    """A tube of light along every edge, and its glow inside and around."""
    unit = mask.width / 256
    edge = _edge(mask, 14 * unit)
    glow = edge.filter(ImageFilter.GaussianBlur(11 * unit)).point(lambda v: min(165, round(v * 1.25)))
    picture = Image.new("RGB", mask.size, background)
    picture.paste(colour, mask=glow)
    picture.paste(colour, mask=edge)
    return picture


def paper(mask: Image.Image, colour: RGB, background: RGB) -> Image.Image:
    """A piece of paper that lies well above another: a soft shadow to the lower right, light on its upper left edge."""
    unit = mask.width / 256
    shadow = _moved(mask, 9 * unit).filter(ImageFilter.GaussianBlur(5 * unit))
    lit = ImageChops.subtract(mask, _moved(mask, 3.5 * unit)).filter(ImageFilter.GaussianBlur(unit))
    picture = Image.new("RGB", mask.size, background)
    picture.paste(_mixed(background, (0, 0, 0), 0.6), mask=shadow)
    picture.paste(colour, mask=mask)
    picture.paste(_mixed(colour, (255, 255, 255), 0.5), mask=lit)
    return picture


STYLES: Final = MappingProxyType({"neon-outline": neon, "paper-cut-out": paper})


def styled(truth: Truth, seed: int, style: Style, size: int = 256) -> Image.Image:
    """The drawing of a truth (of icons or a pattern) in a style; ``seed`` decides what the truth leaves open."""
    side = (size * _FINE, size * _FINE)
    flat = paint(replace(truth, colour="black", background="white"), Random(seed), side)
    mask = ImageOps.autocontrast(ImageOps.invert(flat.convert("L")))
    return style(mask, COLOURS[truth.colour], COLOURS[truth.background]).reduce(_FINE)


def examples(style: Style, count: int) -> "list[tuple[Image.Image, str]]":
    """``count`` drawings and their captions: four of five are icons, the others patterns."""
    found: list[tuple[Image.Image, str]] = []
    rng = Random(_FIRST)
    while len(found) < count:
        truth = choose(rng)
        if truth.kind == ("pattern" if len(found) % 5 == 4 else "icon") and truth.style == "solid":
            found.append((styled(truth, _FIRST + len(found), style), caption(truth, rng)))
    return found


def write(folder: Path, style: Style, count: int) -> None:
    """Write them as 0001.png with 0001.txt beside, and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, (picture, words) in enumerate(examples(style, count), 1):
        picture.save(folder / f"{n:04}.png")
        (folder / f"{n:04}.txt").write_text(words + "\n", "utf-8")


def _edge(mask: Image.Image, width: float) -> Image.Image:
    inner = mask.filter(ImageFilter.MinFilter(round(width) // 2 * 2 + 1))
    return ImageChops.subtract(mask, inner).filter(ImageFilter.GaussianBlur(1))


def _moved(mask: Image.Image, by: float) -> Image.Image:
    """The mask to the right and down; nothing comes in from the other side."""
    moved = Image.new("L", mask.size, 0)
    moved.paste(mask, (round(by), round(by)))
    return moved


def _mixed(a: RGB, b: RGB, share: float) -> RGB:
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def main() -> None:
    """Read the command line and write the drawings."""
    parser = argparse.ArgumentParser(description="Draw what an example LoRA for Spark learns from.")
    parser.add_argument("style", choices=sorted(STYLES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=96)
    given = parser.parse_args()
    write(given.folder, STYLES[given.style], given.count)


if __name__ == "__main__":
    main()
