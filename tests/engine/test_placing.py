"""Every placement gives the same picture; what can be tried without a GPU is tried on the CPU."""

import numpy as np
import pytest

from studio.engine import placing
from studio.engine.engine import Engine
from studio.engine.memory import Placement, Plan, Storage
from studio.engine.pipelines import Pipelines
from studio.models import library
from studio.request import Request

CARD = library.find("spark")


def planned(**how):
    pipelines = Pipelines("cpu")
    pipelines.adopt(CARD, Plan(**how), 0)
    return pipelines


def draw(pipelines, prompt="a red circle on white", edge=128):
    (image,) = Engine(pipelines, (7,)).forward(CARD, Request(prompt, "", 2, 2.0, edge, edge))
    return np.asarray(image).astype(int)


@pytest.fixture(scope="module")
def plain():
    return Pipelines("cpu")


@pytest.mark.parametrize("placement", [Placement.DROP, Placement.MODELS, Placement.GROUPS])
def test_a_placement_changes_no_pixel(plain, placement):
    pipelines = planned(placement=placement)
    for prompt in ("a red circle on white", "three yellow stars on navy"):
        assert (draw(pipelines, prompt) == draw(plain, prompt)).all()


def test_a_dropped_text_encoder_holds_nothing_until_the_next_prompt():
    pipelines = planned(placement=Placement.DROP)
    encoder = pipelines.get(CARD, "text-to-image").text_encoder
    assert sum(p.numel() for p in encoder.parameters()) > 0
    draw(pipelines)
    assert sum(p.numel() for p in encoder.parameters()) == 0


def test_rounded_weights_take_a_quarter_and_change_the_picture_a_little(plain):
    import torch

    pipelines = planned(storage=Storage.FP8)
    apart = np.abs(draw(pipelines) - draw(plain))
    assert 0 < apart.mean() < 20
    unet = pipelines.get(CARD, "text-to-image").unet
    kept = sum(p.numel() for p in unet.parameters() if p.dtype == torch.float8_e4m3fn)
    assert kept > 0.9 * sum(p.numel() for p in unet.parameters())


def test_tiles_are_of_the_size_that_is_reckoned_with(plain):
    from types import SimpleNamespace

    from diffusers import AutoencoderKL

    vae = AutoencoderKL(block_out_channels=(8, 8, 8, 8), norm_num_groups=8, sample_size=1024,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)  # fmt: skip
    placing.decode(SimpleNamespace(vae=vae), Plan(tiled=True))
    assert (vae.tile_sample_min_size, vae.tile_latent_min_size) == (512, 64)
    assert vae.use_tiling
    placing.decode(SimpleNamespace(vae=vae), Plan())
    assert not vae.use_tiling
