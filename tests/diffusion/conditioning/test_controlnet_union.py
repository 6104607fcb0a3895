"""ControlNets made for several kinds of picture, in Stable Diffusion XL and in FLUX.1."""

from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
import torch

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.parameters.conditioning import NO_GUIDE, Guide
from studio.steps import control, edit, generate, inpaint
from tests import here
from tests.diffusion import small

ASKED = {"steps": 2, "guidance": 2, "size": (64, 64)}


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def sdxl(engine, card):
    return engine.pipelines.get(card("sdxl"), "text-to-image")


@pytest.fixture(scope="module")
def union(home, sdxl):
    return small.controlnet(home / "union", like=sdxl, modes=6)


@pytest.fixture(scope="module")
def plain(home, sdxl):
    return small.controlnet(home / "plain", seed=2, like=sdxl)


def guide(part, shows=control.AS_TRAINED, weight=1.0, before=NO_GUIDE):
    return control.run(Engine(here.pipelines()), small.drawing(), part, weight, guide=before, shows=shows)


@pytest.fixture(scope="module")
def draw(engine, card):
    return lambda guide, model="sdxl": small.run(
        generate, engine, prompt="a star", **ASKED, model=str(card(model).path), guide=guide
    )


def test_it_draws_as_the_librarys_own_pipeline_for_it(draw, sdxl, union):
    net = diffusers.ControlNetUnionModel.from_pretrained(union)
    pipeline = diffusers.StableDiffusionXLControlNetUnionPipeline(**sdxl.components, controlnet=net)
    pipeline.set_progress_bar_config(disable=True)
    asked = {"num_inference_steps": 2, "guidance_scale": 2.0, "width": 64, "height": 64}
    (theirs,) = pipeline(
        "a star",
        control_image=small.drawing(),
        control_mode=[3],
        controlnet_conditioning_scale=0.8,
        generator=torch.Generator("cpu").manual_seed(3),
        **asked,
    ).images
    assert draw(guide(union, "edges", 0.8)) == theirs


def test_what_the_picture_shows_is_seen(draw, union):
    made = [draw(guide(union, shows)).tobytes() for shows in ("edges", "depth", "pose")]
    assert len(set(made)) == 3


def test_it_counts_beside_itself_and_beside_a_plain_one(draw, union, plain):
    one, other = guide(union, "edges"), guide(plain)
    alone, both = draw(one), draw(guide(plain, before=one))
    assert both not in (alone, draw(other))
    assert draw(guide(plain, weight=0.0, before=one)) == alone
    assert draw(guide(union, "depth", before=one)) not in (alone, draw(guide(union, "depth")))


@pytest.mark.parametrize("step", [edit, inpaint])
def test_it_works_from_a_picture_and_in_a_part_of_one(step, engine, card, union):
    rest = {"mask": small.drawing(6).convert("L")} if step is inpaint else {"size": (64, 64)}
    asked = {"image": small.drawing(5), "prompt": "a star", "steps": 2, "model": str(card("sdxl").path), **rest}
    none, one = (small.run(step, engine, **asked, guide=guide(union, "edges", weight)) for weight in (0.0, 1.0))
    assert none == small.run(step, engine, **asked) != one


@pytest.mark.parametrize("modes", [6, 8])
def test_one_file_of_it_is_known_by_its_tensors(modes, draw, sdxl, home):
    """With as many kinds as it has rows; the names in it are the library's."""
    folder = Path(small.controlnet(home / f"union{modes}", like=sdxl, modes=modes))
    (file := home / f"file{modes}.safetensors").write_bytes(
        (folder / "diffusion_pytorch_model.safetensors").read_bytes()
    )
    assert len(here.library().adapters.find(str(file), "controlnet").modes) == modes
    assert draw(guide(str(file), "edges")) == draw(guide(str(folder), "edges"))


def test_it_must_be_told_what_it_is_shown(union):
    for shows in (control.AS_TRAINED, "tile"):
        with pytest.raises(InputError, match="'union' follows several kinds of picture; say which this one is: pose, "):
            control.check(here.library(), union, shows)


def test_one_for_another_kind_of_model_is_refused_by_name(engine, union):
    with pytest.raises(InputError, match="'union' was made for another kind of model"):
        small.run(generate, engine, prompt="a star", **ASKED, guide=guide(union, "edges"))


@pytest.fixture(scope="module")
def flux(engine, card, home):
    """Three for FLUX.1: a union, and two plain ones."""
    pipeline = engine.pipelines.get(card("flux1"), "text-to-image")
    made = {"union": small.controlnet(home / "flux-union", like=pipeline, modes=10)}
    return made | {"plain": small.controlnet(home / "flux-plain", seed=2, like=pipeline)}


def test_flux_is_told_by_a_mode(draw, flux):
    edges, depth = (guide(flux["union"], shows) for shows in ("edges", "depth"))
    assert (edges.controls[0].mode, depth.controls[0].mode) == (0, 2)
    assert draw(edges, "flux1") != draw(depth, "flux1")
    with pytest.raises(InputError, match="say which this one is: edges, tile, depth, blur, pose, gray, low quality"):
        guide(flux["union"])


def test_in_flux_it_counts_beside_a_plain_one(draw, flux):
    one = guide(flux["union"], "edges")
    assert draw(guide(flux["plain"], before=one), "flux1") != draw(one, "flux1")
    assert draw(guide(flux["plain"], weight=0.0, before=one), "flux1") == draw(one, "flux1")


def test_a_model_that_follows_one_picture_at_a_time_says_so(engine, card, home):
    pipeline = engine.pipelines.get(card("qwen_image"), "text-to-image")
    (one,) = guide(small.controlnet(home / "qwen", like=pipeline)).controls
    both = Guide(controls=(one, replace(one, weight=0.5)))
    with pytest.raises(InputError, match="Qwen-Image does not support second picture to follow"):
        small.run(generate, engine, prompt="a star", **ASKED, model=str(card("qwen_image").path), guide=both)
