"""Evaluate the example LoRAs: ``python -m studio.tools.spark.eval_loras assets/loras/*.safetensors``.

The same prompts are drawn from the same seeds without a LoRA and with each, by plain diffusers, and evaluated like
Spark itself: the style must change, shapes and colours must stay. Prints how much is recognised correctly, and the mean
difference of the pictures; ``--sheet`` writes the first of them side by side.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.config import shipped
from studio.images.grid import sheet
from studio.tools.spark.draw import draw
from studio.tools.spark.labels import Truth
from studio.tools.spark.measure import FIELDS, load, pictures_of, share
from studio.tools.spark.recogniser import read_icons

if TYPE_CHECKING:
    from PIL import Image

_FIRST: Final = 70_000_000  # far from the seeds of all trainings
_SHOWN: Final = 8


def asked(count: int) -> list[tuple[str, Truth]]:
    """Captions and ground truths of solid icons that are held out from Spark's training."""
    found: list[tuple[str, Truth]] = []
    seed = _FIRST
    while len(found) < count:
        drawing = draw(seed, hold_out=True)
        seed += 1
        found += [(drawing.caption, drawing.truth)] if drawing.truth.style == "solid" else []
    return found


def drawn(files: Sequence[Path], prompts: list[str], steps: int, guidance: float) -> "dict[str, list[Image.Image]]":
    """One picture for each prompt, without a LoRA under the name "plain", and with each LoRA under its name."""
    pipeline = load(shipped("assets") / "spark")
    found = {"plain": list(pictures_of(pipeline, prompts, steps, guidance))}
    for file in files:
        pipeline.load_lora_weights(file.parent, weight_name=file.name)
        found[file.stem] = list(pictures_of(pipeline, prompts, steps, guidance))
        pipeline.unload_lora_weights()
    return found


def measure(pictures: "Mapping[str, list[Image.Image]]", truths: Sequence[Truth]) -> dict[str, Any]:
    """For each LoRA how much is recognised, in percent, and the difference from the plain pictures, in 255ths."""
    return {
        name: _shares(made, truths) | {"apart": round(sum(map(_apart, made, pictures["plain"])) / len(made), 1)}
        for name, made in pictures.items()
    }


def _shares(pictures: "list[Image.Image]", truths: Sequence[Truth]) -> dict[str, Any]:
    read = [(read_icons(picture, truth), truth) for picture, truth in zip(pictures, truths, strict=True)]
    return {field: share([getattr(r, field) == getattr(t, field) for r, t in read]) for field in FIELDS}


def _apart(a: "Image.Image", b: "Image.Image") -> float:
    """The mean difference of two pictures in 255ths."""
    import numpy as np

    return float(np.abs(np.asarray(a).astype(float) - np.asarray(b).astype(float)).mean())


def main() -> None:
    """Read the command line, measure, print the figures."""
    parser = argparse.ArgumentParser(description="Evaluate what LoRAs for Spark change and what they keep.")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    parser.add_argument("--sheet", type=Path, help="where to write the first pictures of each, row by row")
    given = parser.parse_args()
    wanted = asked(given.prompts)
    pictures = drawn(given.files, [words for words, _ in wanted], given.steps, given.guidance)
    if given.sheet:
        rows = [made[:_SHOWN] for made in pictures.values()]
        sheet(rows, [words for words, _ in wanted[:_SHOWN]], list(pictures)).save(given.sheet)
    print(json.dumps(measure(pictures, [truth for _, truth in wanted]), indent=2))


if __name__ == "__main__":
    main()
