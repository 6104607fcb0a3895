"""Every sampler is checked against the exact solution for data that is Gaussian."""

from typing import get_args

import pytest
import torch

from studio.engine.samplers import SAMPLERS, build
from studio.kinds import OWN_SAMPLER, Sampler
from studio.spark.diffusion import new_scheduler

MEAN, DEVIATION = 0.4, 0.5


def test_every_choice_can_be_built_and_no_other():
    assert set(get_args(get_args(Sampler)[0])) == {OWN_SAMPLER, *SAMPLERS}


@pytest.mark.parametrize("name", [OWN_SAMPLER, *SAMPLERS])
def test_samples_of_a_gaussian_have_its_mean_and_deviation(name):
    own = new_scheduler()
    scheduler = build(name, own)
    scheduler.set_timesteps(250)
    random = torch.Generator().manual_seed(0)
    sample = torch.randn(1, 1, 100, 200, generator=random) * scheduler.init_noise_sigma
    for time in scheduler.timesteps:
        alpha = own.alphas_cumprod[int(time.round())]
        seen = scheduler.scale_model_input(sample, time)
        gain = alpha.sqrt() * DEVIATION**2 / (alpha * DEVIATION**2 + 1 - alpha)
        clean = MEAN + gain * (seen - alpha.sqrt() * MEAN)
        velocity = (alpha.sqrt() * seen - clean) / (1 - alpha).sqrt()
        extra = {"generator": random} if name == "Euler a" else {}
        sample = scheduler.step(velocity, time, sample, **extra).prev_sample
    assert sample.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert sample.std().item() == pytest.approx(DEVIATION, rel=0.06)
