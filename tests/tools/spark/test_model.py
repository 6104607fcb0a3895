"""The embedded model as shipped: complete, small, and loaded by plain diffusers."""

import json

import numpy as np
import pytest
from diffusers import AutoPipelineForImage2Image, StableDiffusionPipeline

from studio.config import shipped
from studio.tools.spark.autoencoder import psnr
from studio.tools.spark.measure import load, pictures_of
from studio.tools.spark.palette import nearest
from studio.tools.spark.recogniser import colours

FOLDER = shipped("assets") / "spark"


@pytest.fixture(scope="module")
def spark() -> StableDiffusionPipeline:
    return load(FOLDER)


def test_it_is_at_most_40_megabytes():
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) <= 40e6


def test_it_is_a_stable_diffusion_pipeline_of_the_plain_kind(spark):
    parts = {name: type(part).__name__ for name, part in spark.components.items() if part is not None}
    assert parts == {
        "vae": "AutoencoderTiny", "text_encoder": "CLIPTextModel", "tokenizer": "CLIPTokenizer",
        "unet": "UNet2DConditionModel", "scheduler": "DDIMScheduler",
    }  # fmt: skip
    assert spark.unet.config.in_channels == 4
    assert AutoPipelineForImage2Image.from_pipe(spark).unet is spark.unet


@pytest.mark.parametrize("background", ["red", "navy", "yellow"])
def test_backgrounds_follow_the_prompt(spark, background):
    (image,) = pictures_of(spark, [f"a white circle on {background}"], steps=8, guidance=5)
    assert nearest(colours(image)[0]) == background


def test_seeds_give_different_pictures(spark):
    one, other = (np.asarray(p).astype(int) for p in pictures_of(spark, ["terrazzo, red and cream"] * 2, 6, 5))
    assert abs(one - other).mean() > 8


def test_the_autoencoder_is_as_good_as_the_card_says(spark):
    claimed = json.loads((FOLDER / "measured.json").read_text())["fidelity"]
    assert psnr(spark.vae) == pytest.approx(claimed, abs=0.1)


def test_the_card_holds_the_measured_figures():
    card, figures = (FOLDER / "README.md").read_text(), json.loads((FOLDER / "measured.json").read_text())
    for field in ("background", "colour", "subject", "count", "pattern"):
        assert f"{figures[field]['share']:.1f} %" in card
