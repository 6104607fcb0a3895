import pytest

from studio.diffusion.samplers.lms import coefficients


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_a_polynomial_that_the_levels_determine_is_integrated_exactly(order):
    levels, to = [3.0, 5.0, 8.0, 14.0][:order], 1.5
    counted = coefficients(levels, to)
    for power in range(order):
        exact = (to ** (power + 1) - levels[0] ** (power + 1)) / (power + 1)
        assert sum(c * level**power for c, level in zip(counted, levels, strict=True)) == pytest.approx(exact)
