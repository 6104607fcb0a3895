import shutil
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from studio.diffusion.engine import Engine
from studio.diffusion.memory.plan import MemoryPlan, Placement
from studio.errors import InputError, ModelError
from studio.models.card import ModelCard
from studio.parameters.conditioning import ControlImage, Guide
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from tests import here
from tests.diffusion import small
from tests.diffusion.alone import alone
from tests.families.columns import Model


def memory(pipelines):
    """The parameters of all modules of several pipelines, each counted once: how many, and of which precisions."""
    modules = [part for one in pipelines for part in one.components.values() if hasattr(part, "parameters")]
    parameters = {id(each): each for part in modules for each in part.parameters()}.values()
    return sum(each.numel() for each in parameters), {each.dtype for each in parameters}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "name", ["sd1", "sdxl", "sd3", "flux1", "flux2", "qwen_image", "z_image", "chroma", "kandinsky3"]
)
def test_tasks_share_their_modules_and_keep_their_precision(name, dtype, card, monkeypatch):
    monkeypatch.setattr("studio.diffusion.pipelines.pick_dtype", lambda device: dtype)
    model = Model(card(name))
    first = model.pipelines.get(model.card, "text-to-image")
    before = memory([first])
    model.draw("text-to-image")
    for task in (each for each in model.family.pipelines.classes if not each.startswith("controlnet")):
        model.draw(task)
        assert memory([first, model.pipelines.get(model.card, task)]) == before
    assert model.pipelines.get(model.card, "text-to-image") is first


def test_settings_go_along_to_other_tasks(card):
    """FLUX.2 klein's distilled models take no guidance; a pipeline that did not know would run twice as long."""
    pipelines, klein = here.pipelines(), card("flux2")
    assert pipelines.get(klein, "text-to-image").config.is_distilled
    assert pipelines.get(klein, "inpaint").config.is_distilled


def test_unknown_task_is_named():
    with pytest.raises(InputError, match="Stable Diffusion 1: there is no task 'video'"):
        here.pipelines().get(here.card("spark"), "video")


def test_damaged_weights_are_a_model_error(tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(here.card("spark").path, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="broken.*is cut off in its header"):
        here.pipelines().get(ModelCard.read(folder), "text-to-image")


SMALL = Request(prompt="a red circle on white", steps=3, guidance=2.0, width=64, height=64)


def test_two_jobs_at_once_on_one_pipeline_wait_for_each_other():
    pipelines, spark, at_work, most = here.pipelines(), here.card("spark"), [], []

    def draw(seed, width):
        def report(step, steps):
            at_work.append(seed)
            most.append(len(set(at_work)))
            time.sleep(0.01)
            if step == steps:
                at_work[:] = []

        engine = Engine(pipelines, seed, report)
        return [np.asarray(engine.denoise(spark, replace(SMALL, width=width))) for _ in range(3)]

    with ThreadPoolExecutor(3) as threads:
        together = [threads.submit(draw, seed, width) for seed, width in ((1, 64), (2, 128), (3, 64))]
        together = [future.result() for future in together]
    assert set(most) == {1}
    for seed, (width, made) in enumerate(zip((64, 128, 64), together, strict=True), 1):
        (alone,) = draw(seed, width)[:1]
        assert all((image == alone).all() for image in made)


def test_what_was_not_used_for_longest_makes_room(tmp_path):
    spark = here.card("spark")
    cards = [ModelCard.read(shutil.copytree(spark.path, tmp_path / name)) for name in ("a", "b", "c")]
    one = here.pipelines().forecast(spark, SMALL)
    pipelines = here.pipelines("cpu", vram=one.peak(MemoryPlan()) + int(1.5 * one.weights()))
    loaded = []
    for card in cards:
        Engine(pipelines).denoise(card, SMALL)
        loaded.append(weakref.ref(pipelines.get(card, "text-to-image").unet))
    assert loaded[0]() is None
    assert loaded[1]() is not None
    Engine(pipelines).denoise(cards[1], SMALL)
    Engine(pipelines).denoise(cards[0], SMALL)
    assert loaded[1]() is not None
    assert loaded[2]() is None


def nets(home):
    """Two ControlNets for Spark, each with a guide that asks for it."""
    made = [small.controlnet(home / name, seed) for seed, name in enumerate(("net", "other"))]
    return [Guide(controls=(ControlImage(path, small.drawing()),)) for path in made]


def test_parts_that_are_not_needed_make_room_before_models_do(tmp_path):
    spark, (one, other) = here.card("spark"), nets(tmp_path)
    with_one = here.pipelines().forecast(spark, replace(SMALL, guide=one))
    pipelines = here.pipelines("cpu", vram=with_one.peak(MemoryPlan()) + 1000)
    engine, held = Engine(pipelines), with_one.adapters.weights * 4
    for guide in (one, other, one):
        engine.denoise(spark, replace(SMALL, guide=guide))
        assert pipelines.adapters.held() == held
    second = ModelCard.read(shutil.copytree(spark.path, tmp_path / "second"))
    unet = weakref.ref(pipelines.get(spark, "text-to-image").unet)
    engine.denoise(second, SMALL)
    assert pipelines.adapters.held() == 0
    assert unet() is None


def test_parts_stay_where_there_is_room(tmp_path):
    spark, guides = here.card("spark"), nets(tmp_path)
    pipelines = here.pipelines()
    for guide in guides:
        Engine(pipelines).denoise(spark, replace(SMALL, guide=guide))
    both = sum(pipelines.forecast(spark, replace(SMALL, guide=guide)).adapters.weights for guide in guides)
    assert pipelines.adapters.held() == 4 * both


def test_the_part_that_was_not_used_for_longest_goes_first(tmp_path):
    spark, (one, other) = here.card("spark"), nets(tmp_path)
    pipelines = here.pipelines()
    for guide in (one, other, one):
        Engine(pipelines).denoise(spark, replace(SMALL, guide=guide))
    both, of_other = (
        pipelines.adapters.held(),
        {here.library().adapters.find(other.controls[0].part, "controlnet").sha256()},
    )
    pipelines.make_room(spark, SMALL, both - 1)
    assert pipelines.adapters.held(of_other) == both / 2  # the one used last is there


def test_other_files_in_the_same_place_are_another_model(tmp_path):
    from diffusers import UNet2DConditionModel

    folder = shutil.copytree(here.card("spark").path, tmp_path / "mine")
    card, pipelines = ModelCard.read(folder), here.pipelines()
    before = Engine(pipelines).denoise(card, SMALL)
    assert Engine(pipelines).denoise(card, SMALL) == before
    unet = pipelines.get(card, "text-to-image").unet
    small.shaken(UNet2DConditionModel.from_pretrained(folder / "unet"), 1).save_pretrained(folder / "unet")
    assert Engine(pipelines).denoise(card, SMALL) != before
    assert pipelines.get(card, "text-to-image").unet is not unet


def test_weights_are_counted_anew_where_a_file_has_changed(tmp_path):
    folder = shutil.copytree(here.card("spark").path, tmp_path / "mine")
    card, pipelines = ModelCard.read(folder), here.pipelines()
    before = pipelines.forecast(card, SMALL).weights()
    small.kl_vae().save_pretrained(folder / "vae")
    assert pipelines.forecast(card, SMALL).weights() != before


def test_a_model_whose_weights_will_be_changed_is_placed_anew(tmp_path):
    """Dropped encoders would be read again without what was put into them."""
    spark, loras = here.card("spark"), Guide(loras=(Lora("neon"),))
    tight = here.pipelines("cpu", vram=1)
    tight.plan(spark, SMALL, 1)
    dropped = tight.get(spark, "text-to-image")
    assert tight.plan(spark, SMALL, 1).placement is Placement.DROP
    assert tight.plan(spark, replace(SMALL, guide=loras), 1).placement is Placement.KEEP
    kept = tight.get(spark, "text-to-image")
    assert kept is not dropped
    assert not any(encoder._forward_pre_hooks for encoder in (kept.text_encoder, kept.unet))


TEN_TIMES = """
spark, models, parts = here.card("spark"), [], []
for turn in range(10):
    draw("spark", 128)
    pipelines.drop(spark)
    models.append(megabytes("VmRSS"))
asked = [Guide(controls=(ControlImage(net, Image.new("RGB", (64, 64))),)) for net in {nets!r}]
for turn in range(10):
    draw("spark", 64, guide=asked[turn % 2])
    pipelines.make_room(spark, Request(prompt="", steps=1, guidance=1.0, width=64, height=64))
    assert pipelines.adapters.held() == 0
    parts.append(megabytes("VmRSS"))
print(json.dumps([models, parts]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="what is held is read from /proc")
def test_loading_a_model_or_a_part_for_the_tenth_time_leaks_nothing(tmp_path):
    for held in alone(TEN_TIMES.format(nets=[guide.controls[0].part for guide in nets(tmp_path)])):
        assert held[-1] == pytest.approx(held[2], rel=0.01), held
