import pytest

from studio.diffusion.engine import Engine
from studio.parameters.sampling import Sampling
from studio.parameters.types import ExactSize
from studio.steps import sized
from tests import here


@pytest.mark.parametrize(("size", "crisp"), [((1200, 630), False), ((301, 90), True)])
def test_the_picture_is_of_exactly_that_size(size, crisp):
    made = sized.run(Engine(here.pipelines(), 3), "sea with sun", ExactSize(*size), crisp, sampling=Sampling(steps=2))
    assert made.size == size
