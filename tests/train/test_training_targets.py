"""What is asked, against the library's own schedulers."""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, FlowMatchEulerDiscreteScheduler

from studio.train.training_targets import SNR, diffusion, flow, stratified_times

CLEAN = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(1))
NOISE = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(2))
WHEN = torch.tensor([0.01, 0.3, 0.6, 0.999])


def test_moments_are_spread_and_follow_from_the_seed():
    drawn = [stratified_times(8, torch.Generator().manual_seed(5)) for _ in range(2)]
    assert drawn[0].equal(drawn[1])
    assert sorted((drawn[0] * 8).long().tolist()) == list(range(8))


@pytest.mark.parametrize("zero", [False, True])
def test_velocity_is_the_library_s(zero):
    scheduler = DDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=zero)
    asked = diffusion(scheduler, CLEAN, NOISE, WHEN)
    assert asked.timestep.tolist() == [10, 300, 600, 999]
    torch.testing.assert_close(asked.noisy, scheduler.add_noise(CLEAN, NOISE, asked.timestep))
    torch.testing.assert_close(asked.target, scheduler.get_velocity(CLEAN, NOISE, asked.timestep))
    assert asked.weight.tolist() == [1, 1, 1, 1]


def test_noise_is_weighted_by_min_snr():
    scheduler = DDPMScheduler()
    asked = diffusion(scheduler, CLEAN, NOISE, WHEN)
    assert asked.target is NOISE
    kept = scheduler.alphas_cumprod[asked.timestep]
    snr = kept / (1 - kept)
    torch.testing.assert_close(asked.weight, torch.minimum(snr, torch.tensor(SNR)) / snr)
    assert asked.weight[0] < 0.1 < asked.weight[-1] == 1


@pytest.mark.parametrize(("convention", "sign"), [("timestep", 1), ("sigma", 1), ("one_minus_sigma", -1)])
def test_in_flow_matching_the_right_answer_leads_from_noise_to_the_picture(convention, sign):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    asked = flow(scheduler, CLEAN, NOISE, WHEN, convention)
    share = {"timestep": asked.timestep / 1000, "sigma": asked.timestep, "one_minus_sigma": 1 - asked.timestep}[
        convention
    ].view(-1, 1, 1, 1)
    torch.testing.assert_close(asked.noisy - share * sign * asked.target, CLEAN)


def test_shares_are_shifted_as_the_scheduler_shifts_them():
    plain, shifted = (
        flow(FlowMatchEulerDiscreteScheduler(shift=s), CLEAN, NOISE, WHEN, "sigma").timestep for s in (1.0, 3.0)
    )
    torch.testing.assert_close(shifted, 3 * plain / (1 + 2 * plain))
    dynamic = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    tokens = flow(dynamic, torch.zeros(4, 4096, 64), torch.zeros(4, 4096, 64), WHEN, "sigma").timestep
    factor = torch.tensor(1.15).exp()  # max_shift, at max_image_seq_len
    torch.testing.assert_close(tokens, factor * plain / (1 + (factor - 1) * plain))


def test_a_right_answer_costs_nothing_and_a_weight_scales_what_a_wrong_one_costs():
    asked = diffusion(DDPMScheduler(), CLEAN, NOISE, WHEN)
    assert asked.loss(NOISE) == 0
    torch.testing.assert_close(asked.loss(NOISE + 2), 4 * asked.weight.mean())
