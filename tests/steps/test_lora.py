"""LoRAs as a guide."""

import pytest
from PIL import Image

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.parameters.conditioning import ControlImage, Guide
from studio.parameters.sampling import Sampling
from studio.prompts.lora import Lora
from studio.steps import lora, region, upscale
from tests import here


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


def test_they_come_after_those_of_the_guide_before(engine):
    before = lora.run(engine, ("paper:0.5",))
    assert lora.run(engine, ("neon:0.8:to=0.5",), before).loras == (Lora("paper", 0.5), Lora("neon", 0.8, end=0.5))
    assert lora.run(engine) == Guide()


def test_an_area_has_its_own(engine):
    guide = region.run(engine, "a star", "left", loras=("neon",))
    assert guide.regions[0].loras == (Lora("neon"),)
    assert guide.loras == ()
    assert guide.features == {"LoRA", "area with a prompt of its own"}


def test_tiles_take_loras_but_no_outlines(engine):
    picture = Image.new("RGB", (64, 64))
    outline = Guide(controls=(ControlImage("scribble", picture),), loras=(Lora("neon"),))
    assert outline.without_positions == Guide(loras=(Lora("neon"),))
    with pytest.raises(InputError, match="in tiles"):
        upscale.run(engine, picture, sampling=Sampling(guide=outline))
