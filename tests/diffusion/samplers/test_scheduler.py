"""Every sampler is checked against the exact solution for data that is Gaussian.

Where data has mean MEAN and deviation DEVIATION in each pixel, what a perfect model would predict at any noise
level can be written down, so a sampler that is right turns noise into that very Gaussian.
"""

import re
from dataclasses import replace
from inspect import signature
from types import SimpleNamespace
from typing import get_args

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

from studio.diffusion.samplers import scheduler as samplers
from studio.diffusion.samplers.sampler_configs import DIFFUSION, FLOW
from studio.diffusion.samplers.scheduler import build
from studio.diffusion.samplers.schedules import quantiles
from studio.errors import InputError
from studio.families import sd1
from studio.parameters.request import Request
from studio.parameters.sampler_names import NAMES, canonical
from studio.parameters.types import OWN_SAMPLER, Sampler
from studio.tools.spark.diffusion import new_scheduler

MEAN, DEVIATION = 0.4, 0.5
STOCHASTIC = ["Euler a", "DPM2 a", "DPM2 a Karras", "DDPM", "SA-Solver", "LCM",
              *(name for name in DIFFUSION if " SDE" in name)]  # fmt: skip
NO_ZERO_SNR = [name for name in DIFFUSION if name.endswith((" Karras", " Exponential", " Beta", " AYS"))] + [
    "Heun", "DPM2", "DPM2 a", "DPM++ SDE", "PLMS", "DEIS", "SA-Solver"]  # fmt: skip
AYS = [name for name in DIFFUSION if name.endswith(" AYS")]
LEVELS = sd1.FAMILY.capabilities.ays_sigmas
DISTILLED = ["LCM", "TCD"]  # which take few steps, and of models made for them  # fmt: skip


def diffusion(prediction="epsilon", **flags):
    return DDIMScheduler(**{"clip_sample": False, "prediction_type": prediction, **flags})


def stable(**flags):
    """Stable Diffusion's noise."""
    return diffusion(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, **flags)


def flow(**flags):
    return FlowMatchEulerDiscreteScheduler(**flags)


def levels(own):
    """How much signal and noise there is at a time between 0 and 999, or at a flow's from 0 to 1000."""
    if isinstance(own, FlowMatchEulerDiscreteScheduler):
        return lambda time: (1 - time / 1000, time / 1000)
    kept = own.alphas_cumprod.double().clamp(min=2**-24).numpy()
    noisiness = np.log((1 - kept) / kept) / 2

    def at(time):
        sigma = np.exp(np.interp(time, np.arange(1000), noisiness))
        return 1 / np.hypot(1, sigma), sigma / np.hypot(1, sigma)

    return at


def prediction(kind, seen, signal, noise, *, consistent=False):
    """What the perfect model says; a ``consistent`` one, distilled for few steps, jumps to where the flow ends."""
    spread = np.hypot(signal * DEVIATION, noise)
    gain = DEVIATION / spread if consistent else signal * DEVIATION**2 / spread**2
    clean = MEAN + gain * (seen - signal * MEAN)
    eps = (seen - signal * clean) / max(noise, 1e-9)
    return {"epsilon": eps, "v_prediction": signal * eps - noise * clean, "flow": eps - clean}[kind]


def sampled(scheduler, own, kind, *, generator, shape=(1, 1, 100, 200), consistent=False, skipped=0):
    """What comes of noise; or of data that has as much noise in it as is left after ``skipped`` steps."""
    each = generator if isinstance(generator, list) else [generator]
    noise = torch.cat([torch.randn(shape[0] // len(each), *shape[1:], generator=one) for one in each])
    sample = noise * getattr(scheduler, "init_noise_sigma", 1.0)
    times = scheduler.timesteps[skipped * scheduler.order :]
    if skipped:
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(skipped * scheduler.order)
        data = MEAN + DEVIATION * torch.randn(shape, generator=each[0])
        noised = getattr(scheduler, "add_noise", None) or scheduler.scale_noise
        arguments = (data, noise, times[:1]) if hasattr(scheduler, "add_noise") else (data, times[:1], noise)
        sample = noised(*arguments)
    at = levels(own)
    given = {"generator": generator, "eta": 0.0}  # as pipelines give them
    extra = {name: value for name, value in given.items() if name in signature(scheduler.step).parameters}
    for time in times:
        scale = getattr(scheduler, "scale_model_input", lambda sample, time: sample)
        predicted = prediction(kind, scale(sample, time), *at(float(time)), consistent=consistent)
        sample = scheduler.step(predicted, time, sample, **extra).prev_sample
    return sample


def assert_gaussian(sample):
    assert sample.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert sample.std().item() == pytest.approx(DEVIATION, rel=0.06)


def test_every_choice_can_be_built_and_no_other():
    assert get_args(get_args(Sampler)[0]) == NAMES
    assert set(NAMES) == {OWN_SAMPLER, *DIFFUSION}
    assert set(FLOW) < set(DIFFUSION)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", [OWN_SAMPLER, *(name for name in DIFFUSION if name not in (*DISTILLED, *AYS))])
def test_samples_of_a_gaussian_have_its_mean_and_deviation(name, kind):
    own = diffusion(kind)
    scheduler = build(name, own)
    scheduler.set_timesteps(250)
    assert_gaussian(sampled(scheduler, own, kind, generator=torch.Generator().manual_seed(0)))


def test_lcm_needs_a_distilled_model_and_few_steps():
    own = diffusion()
    scheduler = build("LCM", own)
    scheduler.set_timesteps(4)
    generator = torch.Generator().manual_seed(0)
    assert_gaussian(sampled(scheduler, own, "epsilon", generator=generator, consistent=True))


@pytest.mark.parametrize("name", [name for name in DIFFUSION if name not in (*NO_ZERO_SNR, *DISTILLED)])
def test_a_model_that_begins_in_pure_noise_gets_there_too(name):
    own = diffusion("v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing")
    scheduler = build(name, own)
    assert scheduler.config.rescale_betas_zero_snr
    scheduler.set_timesteps(250)
    assert scheduler.timesteps[0] == 999
    assert_gaussian(sampled(scheduler, own, "v_prediction", generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("name", [OWN_SAMPLER, *FLOW])
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_matching_ends_at_the_gaussian(name, shift):
    own = flow(shift=shift)
    scheduler = build(name, own, "flow")
    scheduler.set_timesteps(250)
    assert scheduler.sigmas[-1] == 0
    assert_gaussian(sampled(scheduler, own, "flow", generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("name", [OWN_SAMPLER, *(name for name in DIFFUSION if name not in (*DISTILLED, *AYS))])
def test_a_picture_changed_by_some_strength_ends_at_the_gaussian_too(name):
    own = diffusion()
    scheduler = build(name, own)
    scheduler.set_timesteps(250)
    assert_gaussian(sampled(scheduler, own, "epsilon", generator=torch.Generator().manual_seed(0), skipped=125))


@pytest.mark.parametrize("name", [OWN_SAMPLER, "PLMS"])
def test_plms_may_begin_anywhere_even_in_few_steps(name):
    """Stable Diffusion's own sampler; as it comes it leaves 12 % too much deviation here, and the mean 0.07 off."""
    own = diffusers.PNDMScheduler(skip_prk_steps=True, timestep_spacing="leading", steps_offset=1)
    for skipped in (0, 4):
        scheduler = build(name, own)
        scheduler.set_timesteps(8)
        made = sampled(scheduler, own, "epsilon", generator=torch.Generator().manual_seed(0), skipped=skipped)
        assert_gaussian(made)


@pytest.mark.parametrize("name", [OWN_SAMPLER, *(name for name in FLOW if name != "Heun")])
def test_flow_changed_by_some_strength_ends_at_the_gaussian_too(name):
    own = flow(shift=3.0)
    scheduler = build(name, own, "flow")
    scheduler.set_timesteps(100)
    assert_gaussian(sampled(scheduler, own, "flow", generator=torch.Generator().manual_seed(0), skipped=50))


@pytest.mark.parametrize("name", [name for name in FLOW if not name.endswith(" Beta")])
def test_flow_samplers_step_through_the_levels_that_the_model_brings(name):
    """As a pipeline with dynamic shifting asks for them: given sigmas, and a mu for the picture's size."""
    flags = {"use_dynamic_shifting": True, "base_shift": 0.3, "max_shift": 0.9, "shift_terminal": 0.02}
    own, scheduler = flow(**flags), build(name, flow(**flags), "flow")
    given = np.linspace(1, 0.1, 10)
    own.set_timesteps(10, sigmas=given, mu=0.7)
    scheduler.set_timesteps(10, sigmas=given, mu=0.7)
    assert torch.allclose(torch.unique(scheduler.sigmas), torch.unique(own.sigmas), atol=2e-6)
    assert set(scheduler.timesteps.tolist()) == set(own.timesteps.tolist())
    assert {key: scheduler.config[key] for key in flags} == flags
    clean, noise = torch.zeros(1, 4, 2, 2), torch.ones(1, 4, 2, 2)
    assert torch.equal(scheduler.scale_noise(clean, own.timesteps[3:4], noise),
                       own.scale_noise(clean, own.timesteps[3:4], noise))  # fmt: skip


@pytest.mark.parametrize("name", ["Euler Beta", "DPM++ 2M Beta"])
def test_beta_on_flow_is_shifted_as_the_model_wants(name):
    """ComfyUI's: the quantile first, then the shift for the picture's size."""
    scheduler = build(name, flow(use_dynamic_shifting=True), "flow")
    scheduler.set_timesteps(8, sigmas=np.linspace(1, 1 / 8, 8), mu=0.7)
    share = quantiles(np.linspace(1, 1 / 8, 8))
    shifted = np.exp(0.7) / (np.exp(0.7) + (1 / share - 1))
    assert scheduler.sigmas.numpy() == pytest.approx([*shifted, 0], abs=2e-6)


@pytest.mark.parametrize("name", ["Heun", "DPM++ 2M", "UniPC"])
def test_second_order_needs_fewer_steps_than_euler(name):
    def error(name):
        own = flow()
        scheduler = build(name, own, "flow")
        scheduler.set_timesteps(12, sigmas=np.linspace(1, 1 / 12, 12))
        made = sampled(scheduler, own, "flow", generator=torch.Generator().manual_seed(0))
        return abs(made.std().item() - DEVIATION)

    assert error(name) < 0.6 * error("Euler")


@pytest.mark.parametrize("name", STOCHASTIC)
def test_a_picture_of_a_batch_is_the_picture_alone(name):
    def made(*seeds):
        own = stable()
        scheduler = build(name, own, ays_sigmas=LEVELS)
        scheduler.set_timesteps(8)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        return sampled(scheduler, own, "epsilon", generator=generators, shape=(len(seeds), 4, 8, 8))

    assert torch.allclose(made(3, 4)[1], made(4)[0], atol=1e-5)
    assert torch.equal(made(4), made(4))
    assert not torch.allclose(made(4), made(5), atol=0.1)


def test_noise_is_drawn_by_those_samplers_that_are_said_to():
    assert {n for n in DIFFUSION if n in STOCHASTIC} == set(STOCHASTIC)
    for name in [name for name in DIFFUSION if name not in STOCHASTIC]:
        scheduler = build(name, diffusion(), ays_sigmas=LEVELS)
        scheduler.set_timesteps(4)
        generator = torch.Generator().manual_seed(0)
        sampled(scheduler, diffusion(), "epsilon", generator=generator, shape=(1, 1, 2, 2))
        used = torch.Generator().manual_seed(0)
        torch.randn(1, 1, 2, 2, generator=used)
        assert torch.equal(generator.get_state(), used.get_state())


def test_euler_karras_has_the_sigmas_of_k_diffusion():
    """Stable Diffusion's, as everybody's pictures were made: 14.61 to 0.029."""
    own = diffusion(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    for name in ("Euler Karras", "DPM++ 2M Karras", "Heun Karras", "DPM++ 2M Exponential"):
        scheduler = build(name, own)
        scheduler.set_timesteps(20)
        assert scheduler.sigmas[0].item() == pytest.approx(14.6146, abs=1e-3)
        assert scheduler.sigmas[-2].item() == pytest.approx(0.0292, abs=1e-4)
        assert scheduler.sigmas[-1] == 0


def test_nothing_but_the_model_s_own_is_taken_over():
    """The flags of the sampler that a model came with must not switch themselves on in another."""
    own = diffusers.DPMSolverMultistepScheduler(use_karras_sigmas=True, thresholding=True, solver_order=3)
    assert not build("Euler", own).config.use_karras_sigmas
    assert (build("DPM++ 2M", own).config.thresholding, build("DPM++ 2M", own).config.solver_order) == (False, 2)
    assert not build("DDIM", diffusers.PNDMScheduler()).config.clip_sample


def test_trailing_is_kept_and_uniform_is_what_sgm_means():
    assert build("Euler", new_scheduler()).config.timestep_spacing == "trailing"
    assert build("Euler", diffusion()).config.timestep_spacing == "linspace"
    assert build("Euler SGM Uniform", diffusion()).config.timestep_spacing == "trailing"


@pytest.mark.parametrize("name", [name for name in DIFFUSION if name not in FLOW])
def test_what_fails_on_flow_is_refused_by_name(name):
    with pytest.raises(InputError, match=rf"'{name.replace('+', '.')}' does not work for a flow.* take '"):
        build(name, flow(), "flow")


def test_heun_on_flow_is_refused_where_strength_counts():
    plain = Request(prompt="x", steps=4, guidance=1.0, width=64, height=64, sampler="Heun")
    partly = replace(plain, strength=0.5)
    samplers.check(plain, "flow")
    samplers.check(partly, "diffusion")
    with pytest.raises(InputError, match="'Heun' gets the strength wrong .* take 'DPM"):
        samplers.check(partly, "flow")


def test_eta_is_refused_by_name_where_a_sampler_takes_none():
    asked = Request(prompt="x", steps=4, guidance=1.0, width=64, height=64, sampler="Euler", eta=0.5)
    with pytest.raises(InputError, match="'Euler' has no eta; leave eta empty, or take DDIM or TCD"):
        samplers.check(asked, "diffusion")
    samplers.check(replace(asked, sampler="DDIM"), "diffusion")


def test_with_an_eta_of_one_ddim_is_ddpm_with_the_same_noise():
    """Equation 16 of https://arxiv.org/abs/2010.02502; eta 0 adds no noise at all."""
    latents, guess = torch.zeros(1, 4, 8, 8), torch.ones(1, 4, 8, 8)

    def stepped(eta, seed):
        pipeline = SimpleNamespace(scheduler=diffusion())
        asked = Request(prompt="x", steps=4, guidance=1.0, width=64, height=64, sampler="DDIM", eta=eta)
        with samplers.sampler_in_use(pipeline, asked, "diffusion"):
            scheduler = pipeline.scheduler
            scheduler.set_timesteps(4)
            chance = torch.Generator().manual_seed(seed)
            return scheduler.step(guess, scheduler.timesteps[1], latents, eta=0.0, generator=chance).prev_sample

    assert torch.equal(stepped(0.0, 1), stepped(0.0, 2))
    assert torch.equal(stepped(None, 1), stepped(0.0, 2))
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    scheduler = build("DDIM", diffusion())
    scheduler.set_timesteps(4)
    now, then = (scheduler.alphas_cumprod[scheduler.timesteps[n]] for n in (1, 2))
    deviation = ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
    clean = (latents - (1 - now).sqrt() * guess) / now.sqrt()
    expected = then.sqrt() * clean + (1 - then - deviation**2).sqrt() * guess + deviation * noise
    assert torch.allclose(stepped(1.0, 1), expected, atol=1e-5)


@pytest.mark.parametrize("name", NO_ZERO_SNR)
def test_what_fails_on_pure_noise_is_refused_by_name(name):
    with pytest.raises(InputError, match=r"zero terminal SNR.* take 'Euler'"):
        build(name, diffusion("v_prediction", rescale_betas_zero_snr=True), ays_sigmas=LEVELS)


@pytest.mark.parametrize("noise", ["diffusion", "flow"])
def test_a_scheduler_of_the_wrong_kind_is_refused_even_as_the_model_s_own(noise):
    own = flow() if noise == "diffusion" else diffusion()
    for name in (OWN_SAMPLER, "Euler"):
        with pytest.raises(InputError, match="does not fit its family"):
            build(name, own, noise)


def test_models_of_another_noise_keep_their_own():
    edm = diffusers.EDMEulerScheduler()
    assert isinstance(build(OWN_SAMPLER, edm), diffusers.EDMEulerScheduler)
    with pytest.raises(InputError, match="'Euler' does not support this model's noise schedule .* take 'model's own'"):
        build("Euler", edm)


def test_the_solver_that_gives_nan_is_refused():
    with pytest.raises(InputError, match="ends in NaN; take 'UniPC'"):
        build(OWN_SAMPLER, diffusers.UniPCMultistepScheduler(solver_type="bh1"))


@pytest.mark.parametrize("name", AYS)
@pytest.mark.parametrize("skipped", [0, 125])
def test_aligned_steps_end_at_the_gaussian(name, skipped):
    own = stable()
    scheduler = build(name, own, ays_sigmas=LEVELS)
    scheduler.set_timesteps(250)
    assert_gaussian(sampled(scheduler, own, "epsilon", generator=torch.Generator().manual_seed(0), skipped=skipped))


@pytest.mark.parametrize("name", AYS)
def test_aligned_steps_are_the_measured_ones(name):
    scheduler = build(name, stable(), ays_sigmas=LEVELS)
    scheduler.set_timesteps(11)
    assert scheduler.sigmas.tolist() == pytest.approx([*LEVELS, 0], abs=1e-3)
    with pytest.raises(InputError, match=f"there is no .* take '{re.escape(name.replace('AYS', 'Beta'))}'"):
        build(name, stable())


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_tcd_takes_the_way_of_a_perfect_model_exactly(kind):
    """As DDIM over the few steps there are; pipelines give it no noise of its own."""
    own = diffusion(kind)
    scheduler = build("TCD", own)
    scheduler.set_timesteps(50)
    assert_gaussian(sampled(scheduler, own, kind, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("name", [name for name in DIFFUSION if name.endswith(" Beta")])
def test_beta_takes_any_number_of_steps_that_is_asked_for(name):
    for steps in (2, 7, 150):
        scheduler = build(name, diffusion())
        scheduler.set_timesteps(steps)
        times = torch.unique(scheduler.timesteps)
        assert len(times) == len(scheduler.timesteps) if scheduler.order == 1 else steps
        assert (times.max(), scheduler.sigmas[-1]) == (999, 0)


@pytest.mark.parametrize("name", ["LMS", "LMS Karras"])
def test_lms_needs_fewer_steps_than_euler(name):
    def error(name):
        own = diffusion()
        scheduler = build(name, own)
        scheduler.set_timesteps(20)
        made = sampled(scheduler, own, "epsilon", generator=torch.Generator().manual_seed(0))
        return abs(made.std().item() - DEVIATION)

    assert error(name) < 0.4 * error("Euler")


def test_lcm_says_how_many_steps_it_takes():
    samplers.check_steps(build("LCM", diffusion()), 50)
    with pytest.raises(InputError, match="LCM takes at most 50 steps, not 60"):
        samplers.check_steps(build("LCM", diffusion()), 60)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_ours_is_itself(name):
    assert canonical(name) == canonical(name.upper()) == name


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        ("dpmpp_2m/karras", "DPM++ 2M Karras"),
        ("dpmpp_2m karras", "DPM++ 2M Karras"),
        ("dpmpp_2m_sde_gpu/exponential", "DPM++ 2M SDE Exponential"),
        ("dpmpp_sde", "DPM++ SDE"),
        ("euler", "Euler"),
        ("euler/normal", "Euler"),
        ("euler/simple", "Euler SGM Uniform"),
        ("euler_ancestral", "Euler a"),
        ("k_euler_a", "Euler a"),
        ("dpm_2_ancestral/karras", "DPM2 a Karras"),
        ("uni_pc", "UniPC"),
        ("uni_pc_bh2", "UniPC"),
        ("ddim/ddim_uniform", "DDIM"),
        ("PLMS", "PLMS"),
        ("euler/beta", "Euler Beta"),
        ("DPM++ 2M Beta", "DPM++ 2M Beta"),
        ("DPM++ SDE Align Your Steps", "DPM++ SDE AYS"),
        ("dpmpp_2m_sde/sgm_uniform", "DPM++ 2M SDE SGM Uniform"),
        ("uni_pc/simple", "UniPC SGM Uniform"),
        ("lms", "LMS"),
        ("LMS Automatic", "LMS Karras"),
        ("tcd", "TCD"),
        ("DPM++ 2M Automatic", "DPM++ 2M Karras"),
        ("DPM++ 2M SDE Automatic", "DPM++ 2M SDE Exponential"),
        ("Euler a Automatic", "Euler a"),
    ],
)
def test_names_of_others_are_ours(written, ours):
    assert canonical(written) == ours


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("Euler a Karras", "Euler a"),
        ("euler/kl_optimal", "Euler"),
        ("Heun Align Your Steps", "Heun"),
        ("DEIS Karras", "DEIS"),
        ("dpmpp_2s_ancestral/karras", "DPM++ SDE"),
        ("DPM++ 3M SDE Exponential", "DPM++ 2M SDE"),
        ("uni_pc_bh1", "UniPC"),
        ("Eulr", "Euler"),
    ],
)
def test_names_that_are_not_here_say_what_to_take(written, instead):
    with pytest.raises(ValueError, match=re.escape(f"no sampler '{written}' here; ")) as refused:
        canonical(written)
    assert f"'{instead}'" in str(refused.value)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"there are model's own, Euler, .*, TCD"):
        canonical("xyz")


def test_a_model_of_another_kind_of_noise_draws_with_its_own_sampler_only():
    from diffusers import SCMScheduler

    own = SCMScheduler()
    assert isinstance(build("model's own", own, "flow"), SCMScheduler)
    with pytest.raises(InputError, match="its own sampler only"):
        build("Euler", own, "flow")
