"""Every placement gives the same picture; what can be tried without a GPU is tried on the CPU."""

from importlib.util import find_spec

import numpy as np
import pytest

from studio.config import shipped
from studio.diffusion.conditioning.conditioned_pipeline import conditioned as entered
from studio.diffusion.engine import Engine
from studio.diffusion.memory import offload
from studio.diffusion.memory.plan import FOUR_BIT_NEEDS, MemoryPlan, Placement, Storage
from studio.models.card import ModelCard
from studio.parameters.conditioning import NO_GUIDE, ControlImage, Guide, ReferenceImage
from studio.parameters.request import Request
from studio.steps import region
from tests import here
from tests.diffusion import small

CARD = ModelCard.read(shipped("assets") / "spark")


def planned(**how):
    pipelines = here.pipelines()
    pipelines.set_plan(CARD, MemoryPlan(**how), 0)
    return pipelines


def draw(pipelines, prompt="a red circle on white", edge=128):
    image = Engine(pipelines, 7).forward(CARD, Request(prompt=prompt, steps=2, guidance=2.0, width=edge, height=edge))
    return np.asarray(image).astype(int)


@pytest.fixture(scope="module")
def plain():
    return here.pipelines()


@pytest.mark.parametrize("placement", [Placement.DROP, Placement.MODELS, Placement.GROUPS])
def test_a_placement_changes_no_pixel(plain, placement):
    pipelines = planned(placement=placement)
    for prompt in ("a red circle on white", "three yellow stars on navy"):
        assert (draw(pipelines, prompt) == draw(plain, prompt)).all()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small Stable Diffusion 1, and a guide of each kind for it, and all at once."""
    home, picture = tmp_path_factory.mktemp("conditioned"), small.drawing()
    card = small.sd1(home / "model")
    unet = here.pipelines().get(card, "text-to-image").unet
    net, adapter = small.controlnet(home / "net", unet=unet), small.t2i_adapter(home / "adapter")
    guides = {
        "ControlNet": Guide(controls=(ControlImage(net, picture),)),
        "T2I-Adapter": Guide(controls=(ControlImage(adapter, picture, adapter=True),)),
        "IP-Adapter": Guide(references=(ReferenceImage(small.ip_adapter(home / "ip", unet=unet), picture),)),
        "area": region.run(None, "a blue moon on black", "left"),
        "embedding": Guide(embeddings=(("<new>", small.embedding(home / "word.safetensors")),)),
        "VAE": Guide(vae=small.vae(home / "vae")),
    }
    return card, guides | {"all at once": sum(guides.values(), NO_GUIDE)}


def conditioned(pipelines, card, guide, **more):
    request = Request(
        prompt="a red star <new> on white",
        negative_prompt="",
        steps=2,
        guidance=3.0,
        width=64,
        height=64,
        guide=guide,
        **more,
    )
    return Engine(pipelines, 7).forward(card, request)


@pytest.fixture(scope="module")
def expected(model):
    card, guides = model
    pipelines = here.pipelines()
    return {name: conditioned(pipelines, card, guide) for name, guide in guides.items()}


@pytest.mark.parametrize("placement", [Placement.DROP, Placement.MODELS, Placement.GROUPS])
def test_guides_work_wherever_a_model_is_kept(model, expected, placement):
    card, guides = model
    pipelines = here.pipelines()
    pipelines.set_plan(card, MemoryPlan(placement=placement), 0)
    for name in (*guides, "all at once", "ControlNet", "area"):  # some once more, after the others
        assert conditioned(pipelines, card, guides[name]) == expected[name], name


def test_a_task_puts_its_modules_away_by_itself_where_they_come_and_go(model):
    """Built around hooks of another pipeline, it would leave the last module on the device."""
    card, guides = model
    pipelines = here.pipelines()
    pipelines.set_plan(card, MemoryPlan(placement=Placement.MODELS), 0)
    pipelines.get(card, "text-to-image")
    assert pipelines.get(card, "image-to-image")._all_hooks
    with entered(
        pipelines,
        card,
        Request(prompt="x", steps=2, guidance=3.0, width=64, height=64, guide=guides["ControlNet"]),
    ) as put:
        pipeline = put.pipeline
        assert {hook.model for hook in pipeline._all_hooks} > {pipeline.controlnet, pipeline.unet}


def test_a_dropped_text_encoder_holds_nothing_until_the_next_prompt():
    pipelines = planned(placement=Placement.DROP)
    encoder = pipelines.get(CARD, "text-to-image").text_encoder
    assert sum(p.numel() for p in encoder.parameters()) > 0
    draw(pipelines)
    assert sum(p.numel() for p in encoder.parameters()) == 0


ROUNDED = [
    Storage.FP8,
    pytest.param(Storage.FOUR_BIT, marks=pytest.mark.skipif(not find_spec(FOUR_BIT_NEEDS), reason="not installed")),
]


@pytest.mark.parametrize("name", ["sd1", "qwen_image"])
@pytest.mark.parametrize("storage", ROUNDED)
def test_rounded_weights_take_what_was_forecast_and_change_the_picture_a_little(name, storage, card):
    """Of a U-Net and of a transformer, read by the code that reads every model."""
    request = Request(prompt="a red star", steps=2, guidance=3.0, width=64, height=64)
    whole, rounded = here.pipelines(), here.pipelines()
    rounded.set_plan(card(name), MemoryPlan(storage=storage), 0)
    one, other = (np.asarray(Engine(each, 7).forward(card(name), request)) for each in (whole, rounded))
    apart = np.abs(one.astype(int) - other).mean()
    assert 0 < apart < one.std() / 20
    forecast = whole.forecast(card(name), request)
    saved = taken(whole, card(name)) - taken(rounded, card(name))
    assert saved == pytest.approx(forecast.weights() - forecast.weights(storage), rel=0.1)


def taken(pipelines, card):
    (part,) = offload.denoisers(pipelines.get(card, "text-to-image"))
    return sum(each.numel() * each.element_size() for each in part.parameters())


def test_fp8_is_a_quarter_and_a_trained_model_draws_nearly_the_same(plain):
    pipelines = planned(storage=Storage.FP8)
    apart = np.abs(draw(pipelines) - draw(plain))
    assert 0 < apart.mean() < 5
    assert taken(pipelines, CARD) < 0.26 * taken(plain, CARD)


def test_rounded_weights_do_not_keep_their_file_in_memory():
    unet = planned(storage=Storage.FP8).get(CARD, "text-to-image").unet
    assert all(each.untyped_storage().nbytes() == each.nbytes for each in unet.parameters())


def test_tiles_are_of_the_size_that_is_reckoned_with(plain):
    from types import SimpleNamespace

    from diffusers import AutoencoderKL

    vae = AutoencoderKL(block_out_channels=(8, 8, 8, 8), norm_num_groups=8, sample_size=1024,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)  # fmt: skip
    offload.configure_decoding(SimpleNamespace(vae=vae), MemoryPlan(tiled=True))
    assert (vae.tile_sample_min_size, vae.tile_latent_min_size) == (512, 64)
    assert vae.use_tiling
    offload.configure_decoding(SimpleNamespace(vae=vae), MemoryPlan())
    assert not vae.use_tiling
