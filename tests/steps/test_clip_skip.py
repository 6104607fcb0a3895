"""Every step that reads a prompt for CLIP lets one say which layer reads it."""

import pytest
from PIL import Image

from studio import plugins
from studio.diffusion.engine import Engine
from studio.parameters.signature import parameters
from tests import here
from tests.diffusion import small

PICTURE, MASK = small.drawing(size=(128, 128)), Image.new("L", (128, 128), "white")
ASKED = {
    "generate": {"size": (64, 64)},
    "edit": {"image": PICTURE, "size": (64, 64), "strength": 1.0},
    "inpaint": {"image": PICTURE, "mask": MASK},
    "outpaint": {"image": PICTURE, "left": 64, "strength": 1.0},
    "hires": {"size": (64, 64)},
    "vary": {"image": PICTURE, "amount": "strong"},
    "tile": {"size": (64, 64)},
    "sized": {"size": (64, 96), "crisp": False},
    "upscale": {"image": PICTURE, "strength": 1.0},
}


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


def test_no_step_with_a_prompt_and_a_sampler_goes_without():
    steps = {name: parameters(plugins.find("steps", name).run) for name in plugins.names("steps")}
    drawing = {name for name, known in steps.items() if {"prompt", "sampler"} <= known.keys()}
    assert drawing == {*ASKED, "instruct", "refine"}
    assert all("clip_skip" in steps[name] for name in drawing)


@pytest.mark.parametrize("name", ASKED)
def test_it_changes_the_picture(name, engine):
    step = plugins.find("steps", name)
    one, other = (
        small.run(step, engine, prompt="a red star", **ASKED[name], steps=3, clip_skip=skip) for skip in (1, 2)
    )
    assert one != other
