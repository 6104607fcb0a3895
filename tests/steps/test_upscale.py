from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.parameters.sampling import Sampling
from studio.steps import upscale
from tests import here


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


def circle(side):
    image = Image.new("RGB", (side, side), (250, 232, 196))
    ImageDraw.Draw(image).ellipse((side // 5, side // 5, side * 4 // 5, side * 4 // 5), fill=(222, 52, 56))
    return image


@pytest.mark.parametrize(("size", "factor"), [((100, 60), 2), ((75, 40), 4)])
def test_it_is_exactly_that_many_times_as_large(engine, size, factor):
    large = upscale.run(engine, circle(100).resize(size), factor, sampling=Sampling(steps=10))
    assert large.size == (size[0] * factor, size[1] * factor)


def test_it_keeps_the_picture_and_makes_its_edges_crisper(engine):
    small = circle(512).resize((64, 64), Image.Resampling.BOX)
    plain = small.resize((256, 256), Image.Resampling.LANCZOS)
    large = upscale.run(engine, small, 4)
    a, b = (np.asarray(image.convert("L")).astype(float) for image in (plain, large))
    assert np.abs(a - b).mean() < 6
    steepest = [np.percentile(np.abs(np.diff(one, axis=1)), 99.5) for one in (a, b)]
    assert steepest[1] > steepest[0] * 1.15


def test_reports_rise_over_the_tiles(engine):
    heard = []
    watched = replace(engine, seed=3, report=lambda step, steps: heard.append(step / steps))
    upscale.run(watched, circle(200), 2, sampling=Sampling(steps=20))
    assert heard == sorted(set(heard))
    assert heard[-1] == 1
    assert len(heard) == 2 * 4


def test_what_is_too_large_or_too_weak_is_refused(engine):
    with pytest.raises(InputError, match="over 4096 pixels"):
        upscale.run(engine, circle(1100), 4)
    with pytest.raises(InputError, match="leaves none to run"):
        upscale.run(engine, circle(64), 2, strength=0.1, sampling=Sampling(steps=5))
