"""Training from nothing to a folder that plain diffusers loads, in a few steps."""

import json
from dataclasses import replace

from studio.config import shipped
from studio.spark import train as training
from studio.spark.train import Recipe, Stage

SHORT = Stage(3, 2, 1e-3)
TINY = Recipe(reader=SHORT, autoencoder=SHORT, sketch=SHORT, denoiser=SHORT, decoder=SHORT, drawings=20)
SPARK = shipped("assets") / "spark"


def test_from_nothing_to_a_model(tmp_path, capsys):
    from diffusers import StableDiffusionPipeline

    training.train(tmp_path / "work", tmp_path / "out", TINY, minutes=10, device="cpu")
    assert "autoencoder:" in capsys.readouterr().err
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "out", local_files_only=True)
    image = pipeline("a star", num_inference_steps=1, height=64, width=64).images[0]
    assert image.size == (64, 64)
    longer = replace(TINY, denoiser=Stage(4, 2, 1e-3))
    training.train(tmp_path / "work", tmp_path / "again", longer, minutes=10, device="cpu")
    weights = "unet/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "out" / weights).read_bytes() != (tmp_path / "again" / weights).read_bytes()


def test_the_autoencoder_of_another_model_is_kept(tmp_path):
    recipe = replace(TINY, decoder=Stage(0, 2, 1e-3))
    training.train(tmp_path / "work", tmp_path / "out", recipe, minutes=10, device="cpu", autoencoder=SPARK)
    weights = "vae/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "out" / weights).read_bytes() == (SPARK / weights).read_bytes()
    trained, before = (json.loads((folder / "trained.json").read_text()) for folder in (tmp_path / "out", SPARK))
    assert trained["autoencoder"] == before["autoencoder"]
    assert (trained["sketch"]["steps"], trained["denoiser"]["steps"]) == (3, 3)


def test_on_from_a_published_model(tmp_path):
    out = tmp_path / "out"
    training.train(tmp_path / "work", out, TINY, minutes=10, device="cpu", base=SPARK)
    vocabulary = "tokenizer/tokenizer.json"
    assert (out / vocabulary).read_bytes() == (SPARK / vocabulary).read_bytes()
    before, after = (json.loads((folder / "trained.json").read_text()) for folder in (SPARK, out))
    assert after["reader"] == before["reader"]
    assert after["denoiser"]["steps"] == before["denoiser"]["steps"] + 3


def test_how_a_stage_stands_is_written_down(tmp_path):
    recipe = replace(TINY, sketch=Stage(2, 2, 1e-3), denoiser=Stage(0, 2, 1e-3), decoder=Stage(0, 2, 1e-3))
    training.train(
        tmp_path / "work", tmp_path / "out", recipe, minutes=10, device="cpu", autoencoder=SPARK, validate_every=2
    )
    (line,) = (tmp_path / "work" / "validation.jsonl").read_text().splitlines()
    noted = json.loads(line)
    assert (noted["stage"], noted["step"], len(noted["quarters"])) == ("sketch", 2, 4)
