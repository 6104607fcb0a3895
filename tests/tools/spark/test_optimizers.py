"""Muon takes the narrow hidden matrices, and both optimizers come back from a checkpoint."""

import torch
from safetensors.torch import load_file

from studio.tools.spark.diffusion import new_unet
from studio.tools.spark.loop import StageTrainer
from studio.tools.spark.optimizers import suits_muon


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(2, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 3))


def losses(model):
    pixels = torch.randn(16, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    wanted = pixels[:, :1, 2:-2, 2:-2].abs()
    while True:
        yield (model(pixels) - wanted).square().mean()


def test_the_finest_levels_of_the_denoiser_suit_it():
    chosen = {name: p for name, p in new_unet().named_parameters() if suits_muon(name, p)}
    assert {"down_blocks.0.resnets.0.conv1.weight", "up_blocks.3.resnets.1.conv2.weight"} <= set(chosen)
    assert not any(name.startswith(("conv_in", "conv_out", "down_blocks.3")) for name in chosen)
    assert 1e6 < sum(p.numel() for p in chosen.values()) < 3e6


def test_it_learns_by_both_and_goes_on_where_it_was(tmp_path):
    model = network()
    stage = StageTrainer(model, tmp_path / "x.safetensors", rate=0.02, steps=200, settle=0.5, orthogonal=True)
    means = list(stage.run(losses(model), until=float("inf"), every=50))
    assert means[-1] < 0.5 * means[0]
    kept = load_file(stage.path)
    assert {"muon.0.weight/momentum_buffer", "adamw.0.bias/exp_avg"} <= set(kept)
    again = StageTrainer(network(), stage.path, rate=0.02, steps=200, orthogonal=True)
    again.save()
    assert all(torch.equal(value, kept[name]) for name, value in load_file(again.path).items())
