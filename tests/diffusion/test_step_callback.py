"""Every pipeline is followed and stopped in the same way: through its sampler."""

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, HeunDiscreteScheduler

from studio.diffusion.step_callback import step_callback
from tests import here
from tests.families.columns import Model


@pytest.fixture(scope="module")
def spark():

    return here.pipelines().get(here.card("spark"), "text-to-image")


def draw(pipeline, **changes):
    asked = {"width": 64, "height": 64, "num_inference_steps": 3, "output_type": "latent"}
    return pipeline("a star", generator=torch.Generator().manual_seed(0), **asked | changes)


def test_a_sampler_that_looks_twice_a_step_is_counted_as_it_goes(spark, monkeypatch):
    monkeypatch.setattr(spark, "scheduler", HeunDiscreteScheduler.from_config(spark.scheduler.config))
    heard = []
    with step_callback(spark, lambda step, steps, clean: heard.append((step, steps))):
        draw(spark)
    assert heard == [(step, 5) for step in range(1, 6)]


def test_afterwards_nobody_listens(spark):
    heard = []
    with step_callback(spark, lambda *told: heard.append(told)):
        pass
    draw(spark)
    assert heard == []


def test_a_run_that_is_stopped_gives_back_what_was_moved_for_it(spark, monkeypatch):
    freed = []
    monkeypatch.setattr(spark, "maybe_free_model_hooks", lambda: freed.append(True))

    def stop(*told):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), step_callback(spark, stop):
        draw(spark)
    assert freed == [True]


@pytest.mark.parametrize("make", [FlowMatchEulerDiscreteScheduler, None])
def test_the_clean_latents_are_where_the_prediction_leads(make):
    """With the exact velocity from a known picture to noise, each step finds that picture."""
    scheduler = make() if make else DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True)
    scheduler.set_timesteps(4)
    wanted, noise, found = (
        torch.full((1, 4, 2, 2), 0.3),
        torch.randn(1, 4, 2, 2, generator=torch.Generator().manual_seed(0)),
        [],
    )
    pipeline = type("Pipeline", (), {"scheduler": scheduler})()
    sample = noise
    with step_callback(pipeline, lambda step, steps, clean: found.append(clean)):
        for time in scheduler.timesteps:
            sample = scheduler.step(noise - wanted, time, sample, return_dict=False)[0]
    assert len(found) == 4
    for clean in found:
        torch.testing.assert_close(clean, wanted, atol=5e-3, rtol=0)  # DPM++ begins at 0.999


def test_a_pipeline_without_a_callback_is_stopped_too(card):
    import inspect

    from diffusers import PixArtSigmaPipeline

    assert "callback_on_step_end" not in inspect.signature(PixArtSigmaPipeline.__call__).parameters
    heard = []

    def stop(step, steps):
        heard.append(step)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Model(card("pixart")).draw(report=stop)
    assert heard == [1]
