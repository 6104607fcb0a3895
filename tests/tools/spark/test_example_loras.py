"""The LoRAs that come with the studio."""

import numpy as np
import pytest
from PIL import Image

from studio.config import shipped
from studio.diffusion.engine import Engine
from studio.lora.formats.file import LoraFile
from studio.lora.formats.fit import fit
from studio.lora.library.card import LoraCard
from studio.models.parameter_index import parameters
from studio.parameters.conditioning import NO_GUIDE, Guide
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from studio.tools.spark.palette import nearest
from studio.tools.spark.recogniser import colours
from studio.tools.spark.styles import STYLES
from tests import here

FILES = sorted((shipped("assets") / "loras").glob("*.safetensors"))


def test_there_is_one_for_each_style():
    assert [file.stem for file in FILES] == sorted(STYLES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_small_fits_spark_and_says_whose_it_is(file):
    assert file.stat().st_size < 1_500_000
    spark = here.card("spark")
    assert fit(LoraFile.read(file), parameters(spark), spark.family).share == 1
    card = LoraCard.read(file)
    assert {claim.text for claim in card.licence} == {"apache-2.0"}
    assert Image.open(file.with_suffix(".png")).size == (512, 256)
    assert "base_model: spark" in (file.with_suffix("") / "README.md").read_text("utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_changes_the_style_and_keeps_the_colours(file):
    made = [draw(guide) for guide in (NO_GUIDE, Guide(loras=(Lora(file.stem),)))]
    for picture in made:
        assert [nearest(colour) for colour in colours(picture)] == ["black", "cyan"]
    plain, styled = (np.asarray(picture).astype(int) for picture in made)
    assert np.abs(plain - styled).mean() > 4


def draw(guide: Guide) -> Image.Image:
    request = Request(
        prompt="a large cyan square on black",
        negative_prompt="",
        steps=8,
        guidance=2.0,
        width=256,
        height=256,
        guide=guide,
    )
    return Engine(here.pipelines(), 3).denoise(here.card("spark"), request)
