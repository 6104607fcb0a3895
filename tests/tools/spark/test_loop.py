"""Stages of training: stopped, resumed, averaged, timed."""

import time
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from studio.tools.spark import loop
from studio.tools.spark.loop import StageTrainer, Stopwatch


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
    first = StageTrainer(model, tmp_path / "x.safetensors", rate=0.01, steps=40)
    list(first.run(losses(model), until=float("inf"), every=10))
    again = StageTrainer(line(), tmp_path / "x.safetensors", rate=0.01, steps=40)
    assert again.step == 40
    assert torch.equal(again.model.weight, model.weight)
    assert torch.equal(again.average[0], first.average[0])
    kept = load_file(first.path)
    again.save()
    assert all(torch.equal(value, kept[name]) for name, value in load_file(again.path).items())
    assert any("exp_avg" in name for name in kept)


def test_it_learns_and_says_how_long_it_will_take(tmp_path, capsys):
    model = line()
    stage = StageTrainer(model, tmp_path / "x.safetensors", rate=0.05, steps=300)
    means = list(stage.run(losses(model), until=float("inf"), every=100))
    assert means[-1] < means[0] / 10
    assert "step 100/300" in capsys.readouterr().err


def test_time_over_means_stop_and_save(tmp_path):
    model = line()
    stage = StageTrainer(model, tmp_path / "x.safetensors", rate=0.05, steps=300)
    assert list(stage.run(losses(model), until=0)) == []
    assert stage.path.exists()


def test_averaged_weights_are_lent_and_given_back(tmp_path):
    model = line()
    stage = StageTrainer(model, tmp_path / "x.safetensors", rate=0.05, steps=10)
    list(stage.run(losses(model), until=float("inf"), every=5))
    before = model.weight.clone()
    with stage.averaged():
        assert not torch.equal(model.weight, before)
    assert torch.equal(model.weight, before)


def test_the_rate_warms_up_and_settles(tmp_path):
    stage = StageTrainer(line(), tmp_path / "x.safetensors", rate=1.0, steps=1000)
    rates = []
    for step in (0, 99, 500, 800, 999):
        stage.step = step
        rates.append(stage._fraction())
    assert rates == pytest.approx([0.01, 1.0, 1.0, 0.5, 0.0025])


def test_checkpoints_are_saved_on_the_way(tmp_path, monkeypatch):
    clock = iter(range(0, 100_000, 50))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(clock)), time=time.time))
    stage = StageTrainer(line(), tmp_path / "x.safetensors", rate=0.01, steps=1000)
    next(stage.run(losses(stage.model), until=float("inf"), every=9))
    assert StageTrainer(line(), stage.path, rate=0.01, steps=1000).step == 5


def test_a_lap_in_which_all_stood_still_counts_as_a_usual_one(monkeypatch):
    times = iter((0.0, 1.0, 2.0, 3.0, 5000.0, 5001.0))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(times), time=time.time))
    watch = Stopwatch()
    assert [watch.lap() for _ in range(5)] == [1, 2, 3, 4, 5]


def test_a_full_disk_stops_no_training(tmp_path, capsys, monkeypatch):
    def full(stage):
        raise OSError(28, "No space left on device")

    stage = StageTrainer(line(), tmp_path / "x.safetensors", rate=0.01, steps=20)
    monkeypatch.setattr(loop, "_SAVE", 0.0)
    steps = stage.run(losses(stage.model), until=float("inf"), every=5)
    with monkeypatch.context() as patch:
        patch.setattr(StageTrainer, "save", full)
        next(steps)
    assert "No space left on device" in capsys.readouterr().err
    assert not stage.path.exists()
    list(steps)
    assert StageTrainer(line(), stage.path, rate=0.01, steps=20).step == 20
