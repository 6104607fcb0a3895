"""Training from nothing to a folder that plain diffusers loads, in a few steps."""

import json
from dataclasses import replace

import pytest
import torch

from studio.spark import train as training
from studio.spark.loop import Training

TINY = training.Recipe((3, 4, 1e-3), (3, 4, 1e-3), (3, 2, 1e-3, 32), (3, 4, 1e-3))


def test_from_nothing_to_a_model(tmp_path, capsys):
    from diffusers import StableDiffusionPipeline

    training.train(tmp_path / "work", tmp_path / "out", TINY, minutes=10, device="cpu")
    assert "autoencoder:" in capsys.readouterr().err
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "out", local_files_only=True)
    image = pipeline("a star", num_inference_steps=1, height=64, width=64).images[0]
    assert image.size == (64, 64)
    training.train(
        tmp_path / "work", tmp_path / "again", replace(TINY, denoiser=(4, 2, 1e-3, 32)), minutes=10, device="cpu"
    )
    weights = "unet/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "out" / weights).read_bytes() != (tmp_path / "again" / weights).read_bytes()


def test_on_from_a_published_model(tmp_path):
    from studio.config import shipped

    base, out = shipped("assets") / "spark", tmp_path / "out"
    training.train(tmp_path / "work", out, TINY, minutes=10, device="cpu", base=base)
    vocabulary = "tokenizer/tokenizer.json"
    assert (out / vocabulary).read_bytes() == (base / vocabulary).read_bytes()
    before, after = (json.loads((folder / "trained.json").read_text()) for folder in (base, out))
    assert after["reader"] == before["reader"]
    assert after["denoiser"]["steps"] == before.get("denoiser", {"steps": 0})["steps"] + 3


def line():
    torch.manual_seed(0)
    return torch.nn.Linear(4, 1)


def losses(model):
    random = torch.Generator().manual_seed(1)
    while True:
        x = torch.randn(8, 4, generator=random)
        yield (model(x) - x.sum(1, keepdim=True)).square().mean()


def test_stopped_and_resumed_is_where_it_was(tmp_path):
    model = line()
    first = Training(model, tmp_path / "x.safetensors", rate=0.01, steps=40)
    list(first.run(losses(model), until=float("inf"), every=10))
    again = Training(line(), tmp_path / "x.safetensors", rate=0.01, steps=40)
    assert again.step == 40
    assert torch.equal(again.model.weight, model.weight)
    assert torch.equal(again.average[0], first.average[0])
    state, kept = again.optimizer.state, first.optimizer.state
    assert torch.equal(state[again.parameters[0]]["exp_avg"], kept[first.parameters[0]]["exp_avg"])


def test_it_learns_and_says_how_long_it_will_take(tmp_path, capsys):
    model = line()
    stage = Training(model, tmp_path / "x.safetensors", rate=0.05, steps=300)
    means = list(stage.run(losses(model), until=float("inf"), every=100))
    assert means[-1] < means[0] / 10
    assert "step 100/300" in capsys.readouterr().err


def test_time_over_means_stop_and_save(tmp_path):
    model = line()
    stage = Training(model, tmp_path / "x.safetensors", rate=0.05, steps=300)
    assert list(stage.run(losses(model), until=0)) == []
    assert stage.path.exists()


def test_averaged_weights_are_lent_and_given_back(tmp_path):
    model = line()
    stage = Training(model, tmp_path / "x.safetensors", rate=0.05, steps=10)
    list(stage.run(losses(model), until=float("inf"), every=5))
    before = model.weight.clone()
    with stage.averaged():
        assert not torch.equal(model.weight, before)
    assert torch.equal(model.weight, before)


def test_the_rate_warms_up_and_settles(tmp_path):
    stage = Training(line(), tmp_path / "x.safetensors", rate=1.0, steps=1000)
    rates = []
    for step in (0, 99, 500, 800, 999):
        stage.step = step
        rates.append(stage._fraction())
    assert rates == pytest.approx([0.01, 1.0, 1.0, 0.5, 0.0025])
