"""Train Spark: ``python -m studio.tools.spark.train``.

Five stages, each with its own checkpoint in the work folder, so that the command can be stopped and started again at
any time: the text encoder ("reader"), the autoencoder, the denoiser on small ("sketch") and then on full-size drawings,
and the decoder once more. At the end, or after ``--minutes``, the model is written as a diffusers folder. The work
folder's ``pid`` is that of the running process, which can be paused (``kill -STOP``) and continued at any time.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.tools.spark.autoencoder import crops, new_autoencoder, psnr, reconstruction_losses, standardise
from studio.tools.spark.diffusion import Denoiser, new_scheduler, new_unet
from studio.tools.spark.latents import LatentStore
from studio.tools.spark.loop import StageTrainer
from studio.tools.spark.text import classification_losses, new_classifier, new_text_encoder, new_tokenizer
from studio.tools.spark.threads import with_spare_threads
from studio.tools.spark.validation import Validation

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny, UNet2DConditionModel
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer


_BEFORE: Final = "before.json"  # in the work folder: the earlier training of components that were taken over
SKETCH_EDGE: Final = 128  # pixels of the small drawings
_AUTOENCODER_STAGES: Final = ("autoencoder", "decoder")


@dataclass(frozen=True)
class TrainingStage:
    """The length of a stage in steps, its batch size, and its peak learning rate."""

    steps: int
    batch: int
    rate: float


@dataclass(frozen=True)
class TrainingRecipe:
    """The stages in their order.

    ``pool`` is the number of drawings that the autoencoder's crops are cut from, ``drawings`` how many encoded ones are
    kept on disk for each of the denoiser's two sizes.
    """

    reader: TrainingStage = TrainingStage(800, 64, 1e-3)
    autoencoder: TrainingStage = TrainingStage(8700, 8, 2e-3)
    sketch: TrainingStage = TrainingStage(10_000, 32, 1e-3)
    denoiser: TrainingStage = TrainingStage(12_000, 32, 1e-3)
    decoder: TrainingStage = TrainingStage(1500, 8, 1e-3)
    pool: int = 1500
    drawings: int = 120_000


CPU = TrainingRecipe()
GPU = TrainingRecipe(
    reader=TrainingStage(1000, 256, 1e-3),
    autoencoder=TrainingStage(20_000, 32, 2e-3),
    sketch=TrainingStage(10_000, 512, 1e-3),
    denoiser=TrainingStage(40_000, 256, 1e-3),
    decoder=TrainingStage(20_000, 32, 1e-3),
    drawings=400_000,
)


@dataclass(frozen=True)
class SparkComponents:
    """The components of the model, which the stages train one after another."""

    tokenizer: "CLIPTokenizer"
    encoder: "CLIPTextModel"
    vae: "AutoencoderTiny"
    unet: "UNet2DConditionModel"


def train(
    work: Path,
    out: Path,
    recipe: TrainingRecipe,
    minutes: float,
    device: str,
    base: Path | None = None,
    autoencoder: Path | None = None,
    validate_every: int = 250,
) -> None:
    """Resume every unfinished stage until all are done or the time is up, then write ``out``.

    With ``base``, a model's folder, text encoder and autoencoder are taken from there as they are, and
    the denoiser starts from its weights. With ``autoencoder``, only the autoencoder is taken from there.
    """
    import torch

    torch.manual_seed(int(time.time()))
    work.mkdir(parents=True, exist_ok=True)
    until = time.time() + 60 * minutes
    _note_earlier_training(work, base, autoencoder)
    parts = _components_of(base) if base else _trained_components(work, recipe, until, device, autoencoder)
    denoiser = Denoiser(parts.encoder.to(device), parts.unet.to(device), parts.tokenizer)
    _denoise(denoiser, parts.vae.to(device), work, recipe, until, validate_every)
    _polish(parts.vae, work, recipe, until)
    write(out, parts)
    (out / "trained.json").write_text(json.dumps(training_times(work), indent=2) + "\n", "utf-8")


def _note_earlier_training(work: Path, base: Path | None, autoencoder: Path | None) -> None:
    """Write the earlier training of components that are taken over into the work folder, once."""
    source = base or autoencoder
    if source and not (work / _BEFORE).exists():
        before = json.loads((source / "trained.json").read_text("utf-8"))
        kept = before if base else {stage: before[stage] for stage in _AUTOENCODER_STAGES}
        (work / _BEFORE).write_text(json.dumps(kept), "utf-8")


def _components_of(folder: Path) -> SparkComponents:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, safety_checker=None)
    return SparkComponents(pipeline.tokenizer, pipeline.text_encoder, pipeline.vae, pipeline.unet)


def _trained_components(
    work: Path, recipe: TrainingRecipe, until: float, device: str, autoencoder: Path | None
) -> SparkComponents:
    tokenizer = new_tokenizer()
    encoder = new_text_encoder(tokenizer)
    classifier = new_classifier(encoder).to(device)
    reader = StageTrainer(classifier, work / "reader.safetensors", rate=recipe.reader.rate, steps=recipe.reader.steps)
    _finish(reader, classification_losses(classifier, tokenizer, recipe.reader.batch, reader.step), until)
    vae = _components_of(autoencoder).vae.to(device) if autoencoder else _autoencoder(work, recipe, until, device)
    return SparkComponents(tokenizer, encoder, vae, new_unet())


def _denoise(
    denoiser: Denoiser, vae: "AutoencoderTiny", work: Path, recipe: TrainingRecipe, until: float, every: int
) -> None:
    """First on drawings of half the size, at a quarter of the cost, then on full size."""
    vae.requires_grad_(False)
    for name, edge, stage, settle in (
        ("sketch", SKETCH_EDGE, recipe.sketch, 0.0),
        ("denoiser", 256, recipe.denoiser, 0.3),
    ):
        file = work / f"{name}.safetensors"
        learning = StageTrainer(
            denoiser.modules, file, rate=stage.rate, steps=stage.steps, settle=settle, orthogonal=True
        )
        if learning.step < learning.steps and time.time() < until:
            store = LatentStore(work / f"latents-{edge}.f16", vae, edge, recipe.drawings)
            losses = denoiser.losses(store, stage.batch, fresh=max(1, stage.batch // 8), start=learning.step)
            validation = Validation(vae, edge, min(256, recipe.drawings))
            for loss in learning.run(with_spare_threads(losses), until, every):
                with learning.averaged():
                    _note(work, name, learning, loss, validation.quarters(denoiser))
        learning.adopt()


def _note(work: Path, name: str, learning: StageTrainer, loss: float, quarters: list[float]) -> None:
    """Append the progress of a stage to ``validation.jsonl``."""
    progress = {"stage": name, "step": learning.step, "hours": round(learning.seconds / 3600, 2)}
    errors = {"loss": round(loss, 4), "quarters": [round(quarter, 4) for quarter in quarters]}
    with (work / "validation.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(progress | errors) + "\n")


def training_times(work: Path) -> dict[str, dict[str, float]]:
    """Steps and hours of every stage so far, from the checkpoints and the model that they started from."""
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


def _autoencoder(work: Path, recipe: TrainingRecipe, until: float, device: str) -> "AutoencoderTiny":
    vae, how = new_autoencoder().to(device), recipe.autoencoder
    stage = StageTrainer(vae, work / "autoencoder.safetensors", rate=how.rate, steps=how.steps)
    losses = reconstruction_losses(vae, crops(how.batch, pool=recipe.pool, start=1 + stage.step))
    made = _finish(stage, losses, until)
    standardise(vae)
    if made:
        print(f"autoencoder: {psnr(vae):.1f} dB on drawings it has not seen", file=sys.stderr)
    return vae


def _polish(vae: "AutoencoderTiny", work: Path, recipe: TrainingRecipe, until: float) -> None:
    """Train only the decoder further: the denoiser depends on the encoder, which must not change."""
    vae.requires_grad_(False)
    vae.decoder.requires_grad_(True)
    how = recipe.decoder
    stage = StageTrainer(vae, work / "decoder.safetensors", rate=how.rate, steps=how.steps)
    losses = reconstruction_losses(vae, crops(how.batch, pool=recipe.pool, start=1_000_000 + stage.step))
    if _finish(stage, losses, until):
        print(f"decoder: {psnr(vae):.1f} dB", file=sys.stderr)


def _finish(stage: StageTrainer, losses: Iterator["Tensor"], until: float) -> int:
    """Train a stage to its end or until the time is up, and adopt its averaged weights; returns the steps done."""
    before = stage.step
    for _ in stage.run(with_spare_threads(losses), until):
        pass
    stage.adopt()
    return stage.step - before


def write(out: Path, parts: SparkComponents) -> None:
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
    for part in (pipeline.unet, pipeline.vae):  # not the text encoder, which would be loaded in the stored dtype
        part.to(torch.float16)
    pipeline.save_pretrained(out, safe_serialization=True)
    for file in out.rglob("*.safetensors"):
        file.chmod(0o644)  # written for the owner only, which a package would keep
    _remove_key(out / "vae" / "config.json", "block_out_channels")  # diffusers saves it and warns about it on loading


def _remove_key(config: Path, key: str) -> None:
    settings = json.loads(config.read_text("utf-8"))
    settings.pop(key, None)
    config.write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def cache() -> Path:
    """The default folder of checkpoints and encoded drawings."""
    return Path.home() / ".cache" / "studio-spark"


def main() -> None:
    """Read the command line and train."""
    import torch

    parser = argparse.ArgumentParser(description="Train Spark, the embedded open model.")
    parser.add_argument("--work", type=Path, default=cache(), help="folder of the checkpoints")
    parser.add_argument("--out", type=Path, default=Path("assets/spark"), help="where the model is written")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after this time; the next call resumes"
    )
    parser.add_argument("--base", type=Path, help="start from this model instead of from scratch")
    parser.add_argument("--autoencoder", type=Path, help="take the autoencoder from this model, train the rest")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    recipe = GPU if given.device == "cuda" else CPU
    given.work.mkdir(parents=True, exist_ok=True)
    pid = given.work / "pid"
    pid.write_text(f"{os.getpid()}\n", "utf-8")
    train(given.work, given.out, recipe, given.minutes, given.device, given.base, given.autoencoder)
    pid.unlink()


if __name__ == "__main__":
    main()
