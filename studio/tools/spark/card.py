"""Write Spark's model card from its evaluation: ``python -m studio.tools.spark.card``."""

import json
from pathlib import Path
from random import Random
from typing import Any, Final

from PIL import Image

from studio.config import shipped
from studio.images.grid import captioned
from studio.tools.spark.captions import words
from studio.tools.spark.labels import PATTERNS, PLACES, SCENES, choose
from studio.tools.spark.measure import load, pictures_of
from studio.tools.spark.palette import COLOURS
from studio.tools.spark.shapes import SHAPES

_ROWS: Final = {
    "background": ("background colour", 97),
    "colour": ("foreground colour", 95),
    "subject": ("shape", 90),
    "count": ("count", 90),
    "pattern": ("pattern", 90),
    "pair": ("two different things", 80),
}

_CARD: Final = """---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
language: en
tags: [stable-diffusion, flat-graphics, icons, patterns, from-scratch]
steps: 20
guidance: {guidance:g}
---

# Spark

A small Stable-Diffusion-architecture model for flat graphics: icons, patterns, gradients and simple
scenes at 256×256. It comes with the studio so that everything works on a machine with no GPU and no
network. Weights, training data, training code and measurements are all open, under Apache-2.0.

```python
from diffusers import StableDiffusionPipeline
pipeline = StableDiffusionPipeline.from_pretrained("assets/spark")
pipeline("three yellow stars on navy", num_inference_steps=20, guidance_scale={guidance:g}).images[0]
```

![Pictures it made, their prompts below](samples.png)

The samples are the first sixteen prompts of one fixed random sequence, not picked.

## What it is measured to do

{prompts} prompts whose combination of shape, colour and background was kept out of training, in all the
wordings below, seeds fixed, {steps} steps, guidance {guidance:g}. Colours are read from the pixels; shape and
count by matching against drawings. Brackets hold the 95 % interval (Wilson). The reader itself errs: the
last column is what it finds on true drawings.

| asked for | shown | target | true drawings |
|---|---|---|---|
{rows}

- Edges: the outlines of large squares, circles and stars are {square}, {circle} and {star} pixels from the
  best fit on average (target 1.0; true drawings reach 0.3).
- Gradients: pixels are {gradients} of 255 levels from the mean around them (target 2).
- Autoencoder: {fidelity} dB PSNR on drawings it has not seen (target 32).
- Variety: two pictures of one prompt differ by {made} of 255 on average; two drawings of one caption by {drawn}.

Again with `python -m studio.tools.spark.measure`; it takes about {minutes:.0f} minutes on two CPU cores.

## How to ask

    [a · one · two · three · four] [small · large] [outlined · striped] COLOUR SHAPE [on the left …] on COLOUR

"three small red hearts on a white background", "star, blue, white background" and "an outlined green leaf
on cream, flat icon" all work. Words outside this list mean nothing to it.

Two different things stand side by side: "a red star and a red moon on white". "With a soft shadow" lifts an icon from
a light background; "on dark" and "light theme" stand for black and white backgrounds.

- **Shapes** (singular and plural): {shapes}
- **Colours**, for things and backgrounds: {colours}
- **Places**: {places}
- **Patterns** ("teal zigzag on cream"): {patterns}
- **Gradients**: "gradient from blue to pink, top to bottom", also left to right, diagonal, "radial gradient from … to …"
- **Scenes**: {scenes}

All {count} words: {words}.

## Data

Drawn by `studio/tools/spark/draw.py`: {shape_count} shapes in {colour_count} colours on coloured grounds, one to four of them, solid,
outlined, striped or with a soft shadow, or two different ones side by side; {pattern_count} patterns; gradients; {scene_count} scenes. Every picture and its caption come from a seed, so the
data set is its own code. Icons stand upright on a lattice of 8 pixels, in four sizes. No picture, name or style of anybody's is in it. One in twenty combinations of shape,
colour and background is never drawn for training.

## Recipe

The parts, all trained from scratch on two CPU cores, by `python -m studio.tools.spark.train`:

{stages}

1. The reader: a three-layer CLIP text encoder that first learns to name what a caption asks for.
2. The autoencoder: an AutoencoderTiny, factor 8, four channels, on 64-pixel crops, half of them recoloured.
   The decoder is then trained on alone.
3. The denoiser: a U-Net of 14 million parameters, predicting velocity on a linear noise schedule, with the text
   encoder, on pictures of 128×128 ("sketch") and then of 256×256, in bf16 where that is quicker. The captions reach it by cross-attention and,
   pooled, through the time embedding. One caption in ten is empty, for guidance.

AdamW, averaged weights, rate falling to zero at the end of a stage. On a GPU the same command uses larger batches.

## Limits

Flat graphics only: no people, no photographs, no lettering. It knows the words above and guesses at others. Two
different things have one colour and one size; more than two different things are not in its data. Sizes other than
128×128 and 256×256 work but were not trained.
"""


def card(folder: Path) -> str:
    """The model card for the figures in a model's folder."""
    figures = json.loads((folder / "measured.json").read_text("utf-8"))
    trained = json.loads((folder / "trained.json").read_text("utf-8"))
    return _CARD.format(
        **{name: figures[name] for name in ("prompts", "steps", "guidance", "gradients", "fidelity", "minutes")},
        **figures["variety"],
        **figures["edges"],
        rows="\n".join(_row(name, figures) for name in _ROWS),
        stages="\n".join(f"- {name}: {s['steps']:,} steps, {s['hours']} hours" for name, s in trained.items()),
        shapes=", ".join(SHAPES),
        colours=", ".join(COLOURS),
        places=", ".join(PLACES),
        patterns=", ".join(PATTERNS),
        scenes=", ".join(SCENES),
        words=", ".join(words()),
        count=len(words()),
        shape_count=len(SHAPES),
        colour_count=len(COLOURS),
        pattern_count=len(PATTERNS),
        scene_count=len(SCENES),
    )


def _row(name: str, figures: dict[str, Any]) -> str:
    title, target = _ROWS[name]
    reader = figures["reader"].get(name)
    return f"| {title} | {_with_interval(figures[name])} | {target} % | {_with_interval(reader) if reader else '–'} |"


def _with_interval(figure: dict[str, float]) -> str:
    return f"{figure['share']:.1f} % ({figure['low']:.1f}–{figure['high']:.1f})"


def samples(folder: Path, guidance: float) -> Image.Image:
    """Sixteen pictures of the first sixteen prompts of a fixed sequence."""
    from studio.tools.spark.captions import caption

    rng = Random(2026)
    prompts = [caption(choose(rng), rng) for _ in range(16)]
    pictures = pictures_of(load(folder), prompts, 20, guidance)
    return captioned(list(zip(prompts, pictures, strict=True)))


def main() -> None:
    """Write ``README.md`` and ``samples.png`` beside the weights."""
    folder = shipped("assets") / "spark"
    guidance = json.loads((folder / "measured.json").read_text("utf-8"))["guidance"]
    samples(folder, guidance).save(folder / "samples.png", optimize=True)
    (folder / "README.md").write_text(card(folder), "utf-8")


if __name__ == "__main__":
    main()
