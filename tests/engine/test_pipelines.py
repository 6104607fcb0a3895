import pytest

from studio.engine.pipelines import Pipelines
from studio.errors import InputError, ModelError
from studio.models import library
from studio.models.card import ModelCard


def test_tasks_share_their_modules_and_keep_their_precision():
    pipelines, card = Pipelines("cpu"), library.find("spark")
    one = pipelines.get(card, "text-to-image")
    before = {name: (id(part), getattr(part, "dtype", None)) for name, part in one.components.items()}
    other = pipelines.get(card, "image-to-image")
    assert {name: (id(part), getattr(part, "dtype", None)) for name, part in other.components.items()} == before
    assert pipelines.get(card, "text-to-image") is one


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
