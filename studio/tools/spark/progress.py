"""Check a running training: ``python -m studio.tools.spark.progress SHEET.png``.

Draws a sheet of pictures with the averaged weights of the newest checkpoint and prints the validation errors of that
and of the published model, by quarters of the timesteps, on the same drawings.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.config import shipped
from studio.images.grid import captioned
from studio.tools.spark.diffusion import Denoiser, new_unet
from studio.tools.spark.loop import StageTrainer
from studio.tools.spark.measure import load, pictures_of
from studio.tools.spark.text import new_text_encoder, new_tokenizer
from studio.tools.spark.train import SKETCH_EDGE, cache
from studio.tools.spark.validation import Validation

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

_PROMPTS: Final = (
    "a red star on white", "a large yellow circle on navy", "an outlined green leaf on cream",
    "three black cats on lime", "a striped blue heart on white", "four white clouds on cyan",
    "a small pink key on black", "two orange rockets on navy", "a brown coffee cup on cream",
    "a purple camera with a soft shadow on white", "a teal house on the left, on yellow",
    "a red star and a red moon on white", "white umbrella and cloud on blue", "a green tree, dark theme",
    "teal zigzag on cream", "red polka dots on white", "navy and white checkerboard", "pink waves on purple",
    "terrazzo, orange and cream", "gradient from blue to pink, top to bottom", "sunset over hills",
    "night sky with moon and stars", "city skyline", "mountains with snow",
)  # fmt: skip


def newest(work: Path) -> "tuple[StableDiffusionPipeline, int, str]":
    """The published pipeline with the weights of the newest checkpoint, its drawings' edge, and its name.

    Raises FileNotFoundError if the denoiser has no checkpoint yet.
    """
    stage, edge = ("denoiser", 256) if (work / "denoiser.safetensors").exists() else ("sketch", SKETCH_EDGE)
    file = work / f"{stage}.safetensors"
    if not file.exists():
        raise FileNotFoundError(f"{file} does not exist yet")
    pipeline, tokenizer = load(shipped("assets") / "spark"), new_tokenizer()
    denoiser = Denoiser(new_text_encoder(tokenizer), new_unet(), tokenizer)
    learning = StageTrainer(denoiser.modules, file, rate=0, steps=0)
    learning.adopt()
    denoiser.modules.eval()
    pipeline.register_modules(
        tokenizer=tokenizer, text_encoder=denoiser.modules["text_encoder"], unet=denoiser.modules["unet"]
    )
    return pipeline.to(dtype=pipeline.unet.dtype), edge, f"{stage}, step {learning.step}"


def errors(pipeline: "StableDiffusionPipeline", validation: Validation) -> list[float]:
    """The validation errors of a pipeline's denoiser, by quarters of the timesteps."""
    denoiser = Denoiser(pipeline.text_encoder.float(), pipeline.unet.float(), pipeline.tokenizer)
    return [round(error, 4) for error in validation.quarters(denoiser)]


def main() -> None:
    """Read the command line, draw the sheet, print the errors."""
    parser = argparse.ArgumentParser(description="Draw a sheet with the newest checkpoint, and print its errors.")
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--work", type=Path, default=cache(), help="folder of the checkpoints")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.0)
    given = parser.parse_args()
    pipeline, edge, name = newest(given.work)
    published = load(shipped("assets") / "spark")
    validation = Validation(published.vae.float(), edge)
    for label, made in ((name, pipeline), ("published", published)):
        print(json.dumps({"model": label, "edge": edge, "quarters": errors(made, validation)}))
    pictures = pictures_of(pipeline, list(_PROMPTS), given.steps, given.guidance, edge)
    captioned(list(zip(_PROMPTS, pictures, strict=True))).save(given.sheet)


if __name__ == "__main__":
    main()
