import os
import subprocess
import sys

import pytest
import torch

from studio.engine.pipelines import Pipelines
from studio.errors import InputError, ModelError
from studio.models import library
from studio.models.card import ModelCard
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
    monkeypatch.setattr("studio.engine.pipelines.pick_dtype", lambda device: dtype)
    model = Model(card(name))
    first = model.pipelines.get(model.card, "text-to-image")
    before = memory([first])
    model.draw("text-to-image")
    for task in (each for each in model.family.pipelines if not each.startswith("controlnet")):
        model.draw(task)
        assert memory([first, model.pipelines.get(model.card, task)]) == before
    assert model.pipelines.get(model.card, "text-to-image") is first


def test_settings_go_along_to_other_tasks(card):
    """FLUX.2 klein's distilled models take no guidance; a pipeline that did not know would run twice as long."""
    pipelines, klein = Pipelines("cpu"), card("flux2")
    assert pipelines.get(klein, "text-to-image").config.is_distilled
    assert pipelines.get(klein, "inpaint").config.is_distilled


def test_unknown_task_is_named():
    with pytest.raises(InputError, match="Stable Diffusion 1: there is no task 'video'"):
        Pipelines("cpu").get(library.find("spark"), "video")


def test_damaged_weights_are_a_model_error(tmp_path):
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(library.find("spark").path, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="broken.*breaks off within its header"):
        Pipelines("cpu").get(ModelCard.read(folder), "text-to-image")


def test_code_from_elsewhere_is_switched_off_whatever_is_set():
    code = (
        "from studio.engine.pipelines import _diffusers; constants = _diffusers().utils.constants;"
        "assert constants.DIFFUSERS_DISABLE_REMOTE_CODE; assert not constants.DIFFUSERS_TRUST_REMOTE_KERNELS"
    )
    loose = {"DIFFUSERS_DISABLE_REMOTE_CODE": "0", "DIFFUSERS_TRUST_REMOTE_KERNELS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **loose})
