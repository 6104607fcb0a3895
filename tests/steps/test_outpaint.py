from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.parameters.sampling import Sampling
from studio.steps import outpaint
from tests import here


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


def test_the_old_picture_stands_in_it_to_the_bit(engine):
    old = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8))
    heard = []
    watched = replace(engine, report=lambda step, steps: heard.append(step / steps))
    made = outpaint.run(watched, old, "noise", left=16, right=8, above=24, below=64, sampling=Sampling(steps=4))
    assert made.size == (90 + 24, 70 + 88)
    assert made.crop((16, 24, 106, 94)) == old
    assert heard == sorted(heard)
    assert heard[-1] == 1


def test_nothing_to_add_is_said(engine):
    with pytest.raises(InputError, match="nothing to add"):
        outpaint.run(engine, Image.new("RGB", (64, 64)), "x")
