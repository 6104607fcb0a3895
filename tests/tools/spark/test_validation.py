"""Errors are averaged over the right times, and two validations ask exactly the same."""

import pytest
import torch

from studio.config import shipped
from studio.tools.spark.measure import load
from studio.tools.spark.validation import Validation


class Clock:
    """In place of a denoiser: its error is the time."""

    def errors(self, latents, words, noise, times):
        return times.float()


@pytest.fixture(scope="module")
def vae():
    return load(shipped("assets") / "spark").vae.float()


def test_quarters_are_those_of_the_times(vae):
    quarters = Validation(vae, edge=64, count=40).quarters(Clock())
    assert quarters == [124.5, 374.5, 624.5, 874.5]


def test_it_is_the_same_every_time(vae):
    one, other = (Validation(vae, edge=64, count=8) for _ in range(2))
    assert one.words == other.words
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("latents", "noise", "times"))
