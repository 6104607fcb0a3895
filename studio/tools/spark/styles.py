"""Spark's drawings in two other styles: the training data of the example LoRAs.

``python -m studio.tools.spark.styles neon-glow FOLDER`` writes drawings with their captions beside them, ready for
``studio train lora FOLDER``.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from studio.errors import InputError
from studio.plugins import unknown
from studio.tools.spark.captions import caption
from studio.tools.spark.draw import paint
from studio.tools.spark.labels import Truth, choose
from studio.tools.spark.palette import COLOURS, RGB

_FIRST: Final = 60_000_000  # far from the seeds of Spark's training and evaluation
_FINE: Final = 2  # supersampling factor

Style = Callable[[Image.Image, RGB, RGB], Image.Image]
"""Renders a mask (where the ink is) in a colour on a background."""


def neon(mask: Image.Image, colour: RGB, background: RGB) -> Image.Image:
    """A neon sign: it glows on its surroundings, and its middle is brighter than its edge."""
    unit = mask.width / 256
    glow = mask.filter(ImageFilter.GaussianBlur(20 * unit)).point(lambda v: min(255, round(v * 1.8)))
    core = mask.filter(ImageFilter.MinFilter(round(13 * unit) // 2 * 2 + 1)).filter(ImageFilter.GaussianBlur(4 * unit))
    picture = Image.new("RGB", mask.size, background)
    picture.paste(_mixed(background, colour, 0.62), mask=glow)
    picture.paste(colour, mask=mask)
    picture.paste(_mixed(colour, (255, 255, 255), 0.18), mask=core)
    return picture


def paper(mask: Image.Image, colour: RGB, background: RGB) -> Image.Image:
    """Paper sheets: the ground, a frame above it, and the shape above both, each with its shadow."""
    unit = mask.width / 256
    frame = _frame(mask.size, 15 * unit)
    ground = _mixed(background, (0, 0, 0) if sum(background) > 240 else (255, 255, 255), 0.09)
    picture = Image.new("RGB", mask.size, ground)
    for sheet, shade, dark in ((frame, background, 0.22), (mask, colour, 0.5)):
        shadow = _moved(sheet, 8 * unit).filter(ImageFilter.GaussianBlur(4.5 * unit))
        picture.paste(_mixed(background, (0, 0, 0), dark), mask=shadow)
        picture.paste(shade, mask=sheet)
    return picture


STYLES: Final = MappingProxyType({"neon-glow": neon, "paper-cut-out": paper})


def styled(truth: Truth, seed: int, style: Style, size: int = 256) -> Image.Image:
    """The drawing of icons or a pattern in a style; ``seed`` decides what the ground truth leaves open."""
    side = (size * _FINE, size * _FINE)
    flat = paint(replace(truth, colour="black", background="white"), Random(seed), side)
    mask = ImageOps.autocontrast(ImageOps.invert(flat.convert("L")))
    return style(mask, COLOURS[truth.colour], COLOURS[truth.background]).reduce(_FINE)


def examples(style: Style, count: int) -> "list[tuple[Image.Image, str]]":
    """``count`` drawings and their captions: four out of five are icons, the others patterns."""
    found: list[tuple[Image.Image, str]] = []
    rng = Random(_FIRST)
    while len(found) < count:
        truth = choose(rng)
        if truth.kind == ("pattern" if len(found) % 5 == 4 else "icon") and truth.style == "solid":
            found.append((styled(truth, _FIRST + len(found), style), caption(truth, rng)))
    return found


def write(folder: Path, style: Style, count: int) -> None:
    """Write examples as 0001.png with 0001.txt, and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, (picture, words) in enumerate(examples(style, count), 1):
        picture.save(folder / f"{n:04}.png")
        (folder / f"{n:04}.txt").write_text(words + "\n", "utf-8")


def example_pictures(folder: Path | str, style: str, count: int = 16) -> None:
    """Write ``count`` drawings in a style ("neon-glow", "paper-cut-out") with their captions into a folder.

    They are pictures for trying out a training. Raises InputError for an unknown style.
    """
    if style not in STYLES:
        raise InputError(unknown("style", style, STYLES))
    write(Path(folder), STYLES[style], count)


def _frame(size: tuple[int, int], width: float) -> Image.Image:
    """A frame around the whole picture with rounded inner corners."""
    frame = Image.new("L", size, 255)
    ImageDraw.Draw(frame).rounded_rectangle((width, width, size[0] - width, size[1] - width), 2 * width, fill=0)
    return frame


def _moved(mask: Image.Image, by: float) -> Image.Image:
    """The mask moved to the right and down, without wrapping around."""
    moved = Image.new("L", mask.size, 0)
    moved.paste(mask, (round(by), round(by)))
    return moved


def _mixed(a: RGB, b: RGB, share: float) -> RGB:
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def main() -> None:
    """Read the command line and write the drawings."""
    parser = argparse.ArgumentParser(description="Draw the training data of an example LoRA for Spark.")
    parser.add_argument("style", choices=sorted(STYLES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=400)
    given = parser.parse_args()
    write(given.folder, STYLES[given.style], given.count)


if __name__ == "__main__":
    main()
