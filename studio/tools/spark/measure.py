"""Evaluate Spark: ``python -m studio.tools.spark.measure``.

Prompts are captions of drawings whose (shape, colour, background) is held out from training; seeds
are fixed. ``recogniser`` finds what the pictures show; its own errors on drawings are measured as well.
Results are written to ``measured.json`` in the model's folder.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from studio.tools.spark.autoencoder import psnr
from studio.tools.spark.captions import caption
from studio.tools.spark.draw import draw, paint
from studio.tools.spark.labels import GRADIENTS, PATTERNS, Truth, choose, colour_pair, held_out
from studio.tools.spark.precision import MEASURED, local_deviation, outline_deviation
from studio.tools.spark.recogniser import read_icons, read_pair, read_pattern

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

FIELDS: Final = ("background", "colour", "subject", "count")
_FIRST: Final = 40_000_000  # far from the seeds of training
_BATCH: Final = 5
_INKS: Final = (("red", "white"), ("yellow", "navy"), ("black", "cream"), ("white", "teal"), ("blue", "pink"))


def measure(folder: Path, prompts: int, steps: int, guidance: float) -> dict[str, Any]:
    """All figures of one model: shares with 95 % intervals, edges, gradients, PSNR, variety, minutes."""
    began = time.monotonic()
    pipeline = load(folder)
    truths = [(d.caption, d.truth) for d in (draw(_FIRST + n, hold_out=True) for n in range(prompts))]
    patterns = list(_patterns(prompts // 5))
    pictures = list(
        _shown(
            pictures_of(pipeline, [words for words, _ in truths + patterns], steps, guidance), len(truths + patterns)
        )
    )
    icons = [(picture, truth) for picture, (_, truth) in zip(pictures, truths, strict=False)]
    return {
        "prompts": prompts,
        "steps": steps,
        "guidance": guidance,
        **_icon_shares(icons),
        "pattern": share(
            [read_pattern(p) == t.subject for p, (_, t) in zip(pictures[prompts:], patterns, strict=True)]
        ),
        "reader": _icon_shares(
            [(draw(_FIRST + n, hold_out=True).image, truths[n][1]) for n in range(min(prompts, 200))]
        ),
        "pair": _pairs(pipeline, max(1, prompts // 10), steps, guidance),
        "edges": _edges(pipeline, steps, guidance),
        "gradients": _gradients(pipeline, steps, guidance),
        "fidelity": round(psnr(pipeline.vae), 1),
        "variety": _variety(pipeline, steps, guidance),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }


def load(folder: Path) -> "StableDiffusionPipeline":
    """The model, loaded with plain diffusers."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def pictures_of(
    pipeline: "StableDiffusionPipeline", prompts: list[str], steps: int, guidance: float, edge: int = 256
) -> Iterator[Image.Image]:
    """One picture of ``edge`` × ``edge`` pixels for each prompt; prompt n has seed n."""
    import torch

    for first in range(0, len(prompts), _BATCH):
        words = prompts[first : first + _BATCH]
        noise = [torch.Generator("cpu").manual_seed(first + k) for k in range(len(words))]
        asked = {"num_inference_steps": steps, "guidance_scale": guidance, "width": edge, "height": edge}
        yield from pipeline(words, generator=noise, **asked).images


def share(hits: list[bool]) -> dict[str, float]:
    """The share of hits in percent, with Wilson's 95 % interval."""
    n, z = len(hits), 1.96
    p = sum(hits) / n
    centre, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low, high = (100 * (centre + side * half) / (1 + z * z / n) for side in (-1, 1))
    return {"share": round(100 * p, 1), "low": round(low, 1), "high": round(high, 1)}


def _icon_shares(pictures: list[tuple[Image.Image, Truth]]) -> dict[str, dict[str, float]]:
    readings = [(read_icons(picture, truth), truth) for picture, truth in pictures]
    return {field: share([getattr(r, field) == getattr(t, field) for r, t in readings]) for field in FIELDS}


def _patterns(count: int) -> Iterator[tuple[str, Truth]]:
    for n in range(count):
        rng = Random(_FIRST + n)
        truth = Truth("pattern", PATTERNS[n % len(PATTERNS)], *colour_pair(rng))
        yield caption(truth, rng), truth


def _pairs(pipeline: "StableDiffusionPipeline", count: int, steps: int, guidance: float) -> dict[str, float]:
    """How often two different things are both shown, the first one named on the left."""
    rng, truths = Random(_FIRST), list[Truth]()
    while len(truths) < count:
        truth = choose(rng)
        truths += [truth] if truth.second and not held_out(truth) else []
    pictures = pictures_of(pipeline, [caption(truth, rng) for truth in truths], steps, guidance)
    return share([read_pair(p, t) == (t.subject, t.second) for p, t in zip(pictures, truths, strict=True)])


def _edges(pipeline: "StableDiffusionPipeline", steps: int, guidance: float) -> dict[str, float]:
    """For each measured shape, the distance of its outline from the best fit, in pixels."""
    found = {}
    for shape in MEASURED:
        prompts = [f"a large {ink} {shape} on {ground}" for ink, ground in _INKS]
        deviations = [outline_deviation(p, shape) for p in pictures_of(pipeline, prompts, steps, guidance)]
        found[shape] = round(sum(deviations) / len(deviations), 2)
    return found


def _gradients(pipeline: "StableDiffusionPipeline", steps: int, guidance: float) -> float:
    """The mean local deviation of gradients in all directions, in levels of 255."""
    rng = Random(_FIRST)
    truths = [Truth("gradient", direction, *pair) for direction in GRADIENTS for pair in _INKS]
    prompts = [caption(truth, rng) for truth in truths]
    deviations = [local_deviation(p) for p in pictures_of(pipeline, prompts, steps, guidance)]
    return round(sum(deviations) / len(deviations), 2)


def _variety(pipeline: "StableDiffusionPipeline", steps: int, guidance: float) -> dict[str, float]:
    """Mean difference of two pictures of one prompt, in 255ths, and of two drawings with one ground truth."""
    drawn, made = [], []
    for n in range(8):
        drawing = draw(_FIRST + n, hold_out=True)
        made += _differences(list(pictures_of(pipeline, [drawing.caption] * 4, steps, guidance)))
        drawn += _differences([paint(drawing.truth, Random(k)) for k in range(4)])
    return {"made": round(sum(made) / len(made), 1), "drawn": round(sum(drawn) / len(drawn), 1)}


def _differences(pictures: list[Image.Image]) -> list[float]:
    import numpy as np

    pixels = [np.asarray(picture).astype(float) for picture in pictures]
    return [float(np.abs(a - b).mean()) for a, b in combinations(pixels, 2)]


def _shown(pictures: Iterator[Image.Image], count: int) -> Iterator[Image.Image]:
    """Pass pictures on; every fifty print the progress and the time left."""
    began = time.monotonic()
    for n, picture in enumerate(pictures, 1):
        yield picture
        if n % 50 == 0:
            left = (time.monotonic() - began) / n * (count - n)
            print(f"picture {n} of {count}, {left:.0f} s left", file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line, measure, write the figures."""
    parser = argparse.ArgumentParser(description="Evaluate Spark's pictures against their prompts.")
    parser.add_argument("--model", type=Path, default=Path("assets/spark"))
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    given = parser.parse_args()
    figures = measure(given.model, given.prompts, given.steps, given.guidance)
    text = json.dumps(figures, indent=2)
    (given.model / "measured.json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
