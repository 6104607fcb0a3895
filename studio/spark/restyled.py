"""Measure an example LoRA: ``python -m studio.spark.restyled assets/loras/neon-glow.safetensors``.

The same prompts are drawn from the same seeds without and with it, by plain diffusers, and read by Spark's own
measure: the style must change, what is shown and its colours must stay. Prints the shares of both, and how far the
pictures are apart; ``--sheet`` writes them side by side.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.config import shipped
from studio.sheet import sheet
from studio.spark.draw import draw
from studio.spark.looking import read_icons
from studio.spark.measure import FIELDS, load, pictures_of, share
from studio.spark.truth import Truth

if TYPE_CHECKING:
    from PIL import Image

_FIRST: Final = 70_000_000  # far from the seeds of every training
_SHOWN: Final = 8


def asked(count: int) -> list[tuple[str, Truth]]:
    """Captions and truths of solid icons that Spark's training never showed."""
    found: list[tuple[str, Truth]] = []
    seed = _FIRST
    while len(found) < count:
        drawing = draw(seed, hold_out=True)
        seed += 1
        found += [(drawing.caption, drawing.truth)] if drawing.truth.style == "solid" else []
    return found


def measure(file: Path, count: int, steps: int, guidance: float) -> tuple[dict[str, Any], "list[list[Image.Image]]"]:
    """The shares of what is read right, before and after, in percent; and the pictures, before and after."""
    pipeline, wanted = load(shipped("assets") / "spark"), asked(count)
    prompts = [words for words, _ in wanted]
    before = list(pictures_of(pipeline, prompts, steps, guidance))
    pipeline.load_lora_weights(file.parent, weight_name=file.name)
    after = list(pictures_of(pipeline, prompts, steps, guidance))
    truths = [truth for _, truth in wanted]
    return {
        "prompts": count,
        "before": _shares(before, truths),
        "after": _shares(after, truths),
        "apart": round(sum(map(_apart, before, after)) / count, 1),
    }, [before, after]


def _shares(pictures: "list[Image.Image]", truths: list[Truth]) -> dict[str, dict[str, float]]:
    read = [(read_icons(picture, truth), truth) for picture, truth in zip(pictures, truths, strict=True)]
    return {field: share([getattr(r, field) == getattr(t, field) for r, t in read]) for field in FIELDS}


def _apart(a: "Image.Image", b: "Image.Image") -> float:
    """The mean difference of two pictures in 255ths."""
    import numpy as np

    return float(np.abs(np.asarray(a).astype(float) - np.asarray(b).astype(float)).mean())


def main() -> None:
    """Read the command line, measure, print the figures."""
    parser = argparse.ArgumentParser(description="Measure what a LoRA for Spark changes and what it keeps.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--sheet", type=Path, help="where to write the first pictures, before above after")
    given = parser.parse_args()
    figures, (before, after) = measure(given.file, given.prompts, given.steps, given.guidance)
    print(json.dumps(figures, indent=2))
    if given.sheet:
        words = [words for words, _ in asked(min(_SHOWN, given.prompts))]
        sheet([before[:_SHOWN], after[:_SHOWN]], words).save(given.sheet)


if __name__ == "__main__":
    main()
