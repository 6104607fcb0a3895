import numpy as np
import pytest

from studio.diffusion.samplers.schedules import beta_timesteps, quantiles


def test_quantiles_are_those_of_the_distribution():
    """The numbers of scipy.stats.beta.ppf(shares, 0.6, 0.6)."""
    shares = np.array([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
    assert quantiles(shares) == pytest.approx([0, 0.039584, 0.175680, 0.5, 0.960416, 1], abs=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 20, 150, 1000])
def test_times_fall_from_the_noisiest_and_none_comes_twice(steps):
    found = beta_timesteps(steps, 1000)
    assert len(found) == steps
    assert found[0] == 999
    assert found[-1] >= 0
    assert (np.diff(found) < 0).all()


def test_most_lie_in_the_beginning_and_at_the_end():
    gaps = -np.diff(beta_timesteps(20, 1000))
    assert gaps[0] < gaps[9] / 2
    assert gaps[-1] < gaps[9] / 2
