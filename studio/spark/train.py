"""Train Spark: ``python -m studio.spark.train``.

Four stages, each in a file of its own under the work folder, so that the command may be stopped
and started at will: the reader, the autoencoder, the denoiser, and the decoder once more. At the
end, or when ``--minutes`` are over, the model is written as a diffusers folder.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.spark.autoencoder import crops, fidelity, new_autoencoder, reconstruction_losses, standardise
from studio.spark.diffusion import Denoiser, Pool, new_scheduler, new_unet
from studio.spark.loop import Training
from studio.spark.text import new_examiner, new_text_encoder, new_tokenizer, understanding_losses

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny, UNet2DConditionModel
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer


_BEFORE: Final = "before.json"  # what the base had already been trained, in the work folder


@dataclass(frozen=True)
class Recipe:
    """How long and how hard each stage learns.

    All are (steps, batch, peak rate); the denoiser's has the pool of drawings as well.
    """

    reader: tuple[int, int, float] = (600, 64, 1e-3)
    autoencoder: tuple[int, int, float] = (8700, 8, 2e-3)
    denoiser: tuple[int, int, float, int] = (60_000, 16, 8e-4, 4_000)
    decoder: tuple[int, int, float] = (1500, 8, 1e-3)


CPU = Recipe()
GPU = Recipe((1000, 256, 1e-3), (20_000, 32, 2e-3), (40_000, 256, 8e-4, 60_000), (20_000, 32, 1e-3))


@dataclass(frozen=True)
class Parts:
    """What the stages make one after another, and a folder of the model holds."""

    tokenizer: "CLIPTokenizer"
    encoder: "CLIPTextModel"
    vae: "AutoencoderTiny"
    unet: "UNet2DConditionModel"


def train(work: Path, out: Path, recipe: Recipe, minutes: float, device: str, base: Path | None = None) -> None:
    """Go on with every unfinished stage until all are done or the time is up, then write ``out``.

    With ``base``, a model's folder, reader and autoencoder are taken from there as they are, and
    the denoiser starts from its weights.
    """
    import torch

    torch.manual_seed(int(time.time()))
    work.mkdir(parents=True, exist_ok=True)
    until = time.time() + 60 * minutes
    if base and not (work / _BEFORE).exists():
        shutil.copyfile(base / "trained.json", work / _BEFORE)
    parts = _published(base) if base else _learned(work, recipe, until, device)
    denoiser = Denoiser(parts.encoder.to(device), parts.unet.to(device), parts.tokenizer)
    _denoise(denoiser, parts.vae.to(device), work, recipe, until)
    _polish(parts.vae, work, recipe, until)
    write(out, parts)
    (out / "trained.json").write_text(json.dumps(spent(work), indent=2) + "\n", "utf-8")


def _published(folder: Path) -> Parts:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, safety_checker=None)
    return Parts(pipeline.tokenizer, pipeline.text_encoder, pipeline.vae, pipeline.unet)


def _learned(work: Path, recipe: Recipe, until: float, device: str) -> Parts:
    tokenizer = new_tokenizer()
    encoder = new_text_encoder(tokenizer)
    steps, batch, rate = recipe.reader
    examiner = new_examiner(encoder).to(device)
    reader = Training(examiner, work / "reader.safetensors", rate=rate, steps=steps)
    _finish(reader, understanding_losses(examiner, tokenizer, batch, reader.step), until)
    reader.adopt()
    return Parts(tokenizer, encoder, _autoencoder(work, recipe, until, device), new_unet())


def _denoise(denoiser: Denoiser, vae: "AutoencoderTiny", work: Path, recipe: Recipe, until: float) -> None:
    steps, batch, rate, pool = recipe.denoiser
    stage = Training(denoiser.modules, work / "denoiser.safetensors", rate=rate, steps=steps)
    if stage.step < stage.steps and time.time() < until:
        drawings = Pool(vae, pool, start=1 + stage.step * batch)
        _finish(stage, denoiser.losses(drawings, batch, fresh=max(1, batch // 16), start=stage.step), until)
    stage.adopt()


def spent(work: Path) -> dict[str, dict[str, float]]:
    """Steps and hours of every stage so far, from the checkpoints and the model they went on from."""
    from safetensors import safe_open

    before = work / _BEFORE
    found: dict[str, dict[str, float]] = json.loads(before.read_text("utf-8")) if before.exists() else {}
    for file in sorted(work.glob("*.safetensors")):
        with safe_open(file, "pt") as checkpoint:
            about = checkpoint.metadata()
        steps, hours = int(about["step"]), float(about["seconds"]) / 3600
        earlier = found.get(file.stem, {"steps": 0, "hours": 0.0})
        found[file.stem] = {"steps": earlier["steps"] + steps, "hours": round(earlier["hours"] + hours, 2)}
    return found


def _autoencoder(work: Path, recipe: Recipe, until: float, device: str) -> "AutoencoderTiny":
    steps, batch, rate = recipe.autoencoder
    vae = new_autoencoder().to(device)
    stage = Training(vae, work / "autoencoder.safetensors", rate=rate, steps=steps)
    _finish(stage, reconstruction_losses(vae, crops(batch, start=1 + stage.step)), until)
    stage.adopt()
    standardise(vae)
    print(f"autoencoder: {fidelity(vae):.1f} dB on drawings it has not seen", file=sys.stderr)
    return vae


def _polish(vae: "AutoencoderTiny", work: Path, recipe: Recipe, until: float) -> None:
    """Train the decoder on alone: the denoiser rests on the encoder, which must not move."""
    steps, batch, rate = recipe.decoder
    vae.encoder.requires_grad_(False)
    stage = Training(vae, work / "decoder.safetensors", rate=rate, steps=steps)
    _finish(stage, reconstruction_losses(vae, crops(batch, start=1_000_000 + stage.step)), until)
    stage.adopt()
    print(f"decoder: {fidelity(vae):.1f} dB", file=sys.stderr)


def _finish(stage: Training, losses: Iterator["Tensor"], until: float) -> None:
    for _ in stage.run(losses, until):
        pass


def write(out: Path, parts: Parts) -> None:
    """Save everything as a folder that ``StableDiffusionPipeline.from_pretrained`` loads."""
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline(
        vae=parts.vae,
        text_encoder=parts.encoder,
        tokenizer=parts.tokenizer,
        unet=parts.unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to("cpu")
    for part in (pipeline.unet, pipeline.vae):  # the text encoder would be loaded as it is stored
        part.to(torch.float16)
    pipeline.save_pretrained(out, safe_serialization=True)
    for file in out.rglob("*.safetensors"):
        file.chmod(0o644)  # written for the owner alone, which a package would keep
    _forget(out / "vae" / "config.json", "block_out_channels")  # saved by diffusers, which warns of it on loading


def _forget(config: Path, key: str) -> None:
    settings = json.loads(config.read_text("utf-8"))
    settings.pop(key, None)
    config.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def main() -> None:
    """Read the command line and train."""
    import torch

    parser = argparse.ArgumentParser(description="Train Spark, the embedded open model.")
    parser.add_argument(
        "--work", type=Path, default=Path.home() / ".cache" / "studio-spark", help="where checkpoints lie"
    )
    parser.add_argument("--out", type=Path, default=Path("assets/spark"), help="where the model is written")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after this time; the next call goes on"
    )
    parser.add_argument("--base", type=Path, help="go on from this model instead of from nothing")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    train(given.work, given.out, GPU if given.device == "cuda" else CPU, given.minutes, given.device, given.base)


if __name__ == "__main__":
    main()
