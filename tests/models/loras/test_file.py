import pytest
import torch

from studio.errors import ModelError
from studio.models.loras.file import LoraFile
from tests.models.loras import files


def read(tensors, tmp_path, metadata=None):
    return LoraFile.read(files.write(tensors, tmp_path / "x.safetensors", metadata))


def test_a_change_tells_what_each_tensor_is_to_it(tmp_path):
    file = read(files.kohya("lora_unet_a", (8, 6), rank=4, alpha=2), tmp_path, {"ss_network_dim": "4"})
    (change,) = file.changes
    assert (change.target, change.form, change.rank, change.alpha, change.scale) == ("lora_unet_a", "lora", 4, 2, 0.5)
    assert change.tensors["up"] == "lora_unet_a.lora_up.weight"
    assert change.shapes == {"up": (8, 4), "down": (4, 6), "alpha": ()}
    assert (file.strays, file.metadata) == ((), {"ss_network_dim": "4"})


def test_without_alpha_the_scale_is_one(tmp_path):
    (change,) = read(files.kohya("a", (8, 6), rank=4, alpha=None), tmp_path).changes
    assert (change.alpha, change.scale) == (None, 1)


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("lora_up.weight", "lora_down.weight"),
        ("lora_B.weight", "lora_A.weight"),
        ("lora_B.default.weight", "lora_A.default.weight"),
        ("lora.up.weight", "lora.down.weight"),
        ("lora_linear_layer.up.weight", "lora_linear_layer.down.weight"),
    ],
)
def test_low_rank_goes_by_many_names(tmp_path, up, down):
    (change,) = read({f"a.b.{up}": torch.ones(8, 2), f"a.b.{down}": torch.ones(2, 6)}, tmp_path).changes
    assert (change.target, change.form) == ("a.b", "lora")
    assert change.tensors == {"up": f"a.b.{up}", "down": f"a.b.{down}"}


def test_a_file_that_changes_nothing_is_no_lora(tmp_path):
    with pytest.raises(ModelError, match="is no LoRA: none of its 1 tensors changes a module"):
        read({"model.weight": torch.ones(2)}, tmp_path)


def test_what_nobody_knows_is_a_stray(tmp_path):
    file = read(files.kohya("a", (8, 6)) | {"b.lora_up.weight": torch.ones(8, 2), "c": torch.ones(1)}, tmp_path)
    assert file.strays == ("b.lora_up.weight", "c")
