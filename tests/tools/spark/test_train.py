"""Training from nothing to a folder that plain diffusers loads, in a few steps."""

import json
from dataclasses import replace

import pytest

from studio.config import shipped
from studio.tools.spark import train as training
from studio.tools.spark.measure import pictures_of
from studio.tools.spark.progress import newest
from studio.tools.spark.train import TrainingRecipe, TrainingStage

SHORT = TrainingStage(3, 2, 1e-3)
TINY = TrainingRecipe(reader=SHORT, autoencoder=SHORT, sketch=SHORT, denoiser=SHORT, decoder=SHORT, drawings=20, pool=4)
SPARK = shipped("assets") / "spark"


def test_from_nothing_to_a_model(tmp_path, capsys):
    from diffusers import StableDiffusionPipeline

    training.train(tmp_path / "work", tmp_path / "out", TINY, minutes=10, device="cpu")
    assert "autoencoder:" in capsys.readouterr().err
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "out", local_files_only=True)
    image = pipeline("a star", num_inference_steps=1, height=64, width=64).images[0]
    assert image.size == (64, 64)
    longer = replace(TINY, denoiser=TrainingStage(4, 2, 1e-3))
    training.train(tmp_path / "work", tmp_path / "again", longer, minutes=10, device="cpu")
    weights = "unet/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "out" / weights).read_bytes() != (tmp_path / "again" / weights).read_bytes()


@pytest.mark.slow
def test_the_autoencoder_of_another_model_is_kept(tmp_path):
    recipe = replace(TINY, decoder=TrainingStage(0, 2, 1e-3))
    work, out = tmp_path / "work", tmp_path / "out"
    training.train(work, out, recipe, minutes=10, device="cpu", autoencoder=SPARK, validate_every=3)
    weights = "vae/diffusion_pytorch_model.safetensors"
    assert (out / weights).read_bytes() == (SPARK / weights).read_bytes()
    trained, before = (json.loads((folder / "trained.json").read_text()) for folder in (out, SPARK))
    assert trained["autoencoder"] == before["autoencoder"]
    assert (trained["sketch"]["steps"], trained["denoiser"]["steps"]) == (3, 3)
    pipeline, edge, name = newest(work)
    assert (edge, name) == (256, "denoiser, step 3")
    (picture,) = pictures_of(pipeline, ["a star"], 1, 2.0, 64)
    assert picture.size == (64, 64)
    noted = [json.loads(line) for line in (work / "validation.jsonl").read_text().splitlines()]
    assert [(n["stage"], n["step"], len(n["quarters"])) for n in noted] == [("sketch", 3, 4), ("denoiser", 3, 4)]


@pytest.mark.slow
def test_on_from_a_published_model(tmp_path):
    out = tmp_path / "out"
    training.train(tmp_path / "work", out, TINY, minutes=10, device="cpu", base=SPARK)
    vocabulary = "tokenizer/tokenizer.json"
    assert (out / vocabulary).read_bytes() == (SPARK / vocabulary).read_bytes()
    before, after = (json.loads((folder / "trained.json").read_text()) for folder in (SPARK, out))
    assert after["reader"] == before["reader"]
    assert after["denoiser"]["steps"] == before["denoiser"]["steps"] + 3
