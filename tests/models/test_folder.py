"""What comes with a model is data: nothing in it runs, whichever way it comes in."""

import json
import os
import pickle
import shutil
import subprocess
import sys

import pytest

from studio.config import shipped
from studio.errors import InputError, ModelError
from studio.models import folder
from studio.models.card import ModelCard
from tests import here


class Canary:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def model(tmp_path):
    shutil.copytree(here.card("spark").path, tmp_path / "mine")
    return tmp_path / "mine"


def change(file, **entries):
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def refused(path, match):
    with pytest.raises(ModelError, match=match):
        folder.check(path)
    with pytest.raises(ModelError):
        here.pipelines().get(ModelCard.read(path), "text-to-image")
    assert not [name for name in sys.modules if name.startswith(("diffusers_modules", "transformers_modules"))]


def test_a_plain_folder_passes(model):
    folder.check(model)


@pytest.mark.parametrize("name", ["pipeline.py", "unet/my_unet.py", "scheduler/UNet2DConditionModel.py"])
def test_code_is_refused(model, tmp_path, name):
    (model / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    refused(model, "code that came with a model")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("file", "entries"),
    [
        ("unet/config.json", {"auto_map": {"AutoModel": "evil.Model"}}),
        ("text_encoder/config.json", {"text_config": {"auto_map": {"AutoModel": "evil.Model"}}}),
        ("tokenizer/tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}),
        ("model_index.json", {"custom_pipeline": "evil"}),
    ],
)
def test_configurations_that_ask_for_code_are_refused(model, file, entries):
    change(model / file, **entries)
    refused(model, "asks for the model's own code")


def test_a_class_that_is_more_than_a_name_is_refused(model):
    change(model / "unet" / "config.json", _class_name=["pipeline", "UNet"])
    refused(model, "has a class that is not a name")
    change(model / "model_index.json", _class_name=["pipeline", "Evil"])
    with pytest.raises(ModelError, match="not supported"):
        ModelCard.read(model)


@pytest.mark.parametrize("library_name", ["os", "my_module", "../evil", "pipelines"])
def test_parts_from_elsewhere_are_refused(model, library_name):
    change(model / "model_index.json", unet=[library_name, "UNet2DConditionModel"])
    refused(model, "which the studio does not run")


def test_parts_with_only_pickled_weights_are_refused(model, tmp_path):
    (model / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (model / "unet" / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps(Canary(tmp_path / "ran")))
    refused(model, "diffusion_pytorch_model.bin' is pickled")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("shard", ["../../secret.safetensors", "/etc/passwd", "weights.bin", None])
def test_shards_outside_their_folder_are_refused(model, shard):
    index = {"weight_map": {"conv_in.weight": shard}}
    (model / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    refused(model, "which is not a safetensors file beside it")


def test_a_configuration_is_not_endless(model):
    (model / "unet" / "config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="config.json' cannot be read"):
        folder.check(model)
    (model / "unet" / "config.json").write_text(" " * (4 * 2**20 + 1))
    with pytest.raises(ModelError, match="larger than 4,194,304 bytes"):
        folder.check(model)


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [
        ("scheduler/scheduler_config.json", "num_train_timesteps", 10**9),
        ("scheduler/scheduler_config.json", "num_train_timesteps", 1e9),
        ("scheduler/scheduler_config.json", "num_train_timesteps", "many"),
        ("unet/config.json", "layers_per_block", 10**6),
        ("unet/config.json", "block_out_channels", []),
        ("unet/config.json", "block_out_channels", "wide"),
        ("unet/config.json", "sample_size", -1),
        ("unet/config.json", "in_channels", [4]),
        ("unet/config.json", "cross_attention_dim", 10**9),
        ("text_encoder/config.json", "num_hidden_layers", 10**6),
        ("text_encoder/config.json", "text_config", {"vocab_size": 10**9}),
    ],
)
def test_numbers_beyond_reason_are_refused_before_anything_is_built_of_them(model, file, name, value):
    change(model / file, **{name: value})
    with pytest.raises(ModelError, match=f"{file}' has .* as '(vocab_size|{name})'"):
        ModelCard.read(model).check()


def test_numbers_that_models_have_are_none_of_those(model):
    change(model / "tokenizer/tokenizer_config.json", model_max_length=10**30)
    change(model / "text_encoder/config.json", rope_theta=10**9, max_position_embeddings=262_144)
    change(model / "unet/config.json", attention_head_dim=[5, 10], dual_attention_layers=[0, 1], scaling=1e-5)
    ModelCard.read(model).check()


def test_a_card_that_cannot_be_read_says_so_and_the_model_is_used(model):
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    (model / "README.md").write_text(f"---\n{bomb}license: *a11\n---\n")
    card = ModelCard.read(model)
    assert card.licence == "unknown"
    (note,) = card.notes
    assert note.startswith("the front matter of README.md cannot be read and is ignored: line 2: aliases")


def test_pipes_and_folders_in_the_place_of_files_are_refused(model):
    os.mkfifo(model / "unet" / "notes.txt")
    with pytest.raises(ModelError, match="notes.txt' is not a file that can be read"):
        folder.check(model)
    (model / "unet" / "notes.txt").unlink()
    (model / "vae" / "config.json").unlink()
    (model / "vae" / "config.json").mkdir()
    with pytest.raises(ModelError, match="config.json' cannot be read"):
        ModelCard.read(model)


def test_a_part_is_called_by_a_name(model):
    index = json.loads((model / "model_index.json").read_text())
    (model / "model_index.json").write_text(json.dumps(index | {"../unet": index["unet"]}))
    with pytest.raises(ModelError, match="names a part '../unet', which is not a valid name"):
        folder.check(model)


@pytest.mark.parametrize("name", ["x.ckpt", "x.pt", "x.bin", "x.SafeTensors", "x.safetensors"])
def test_a_pickle_never_runs_whatever_it_is_called(tmp_path, name, state):
    (tmp_path / name).write_bytes(pickle.dumps(Canary(tmp_path / "ran")))
    command = [sys.executable, "-m", "studio", "models", "add", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pickled checkpoint, which can run code" in done.stderr
    for way in (here.card, lambda path: ModelCard.read(type(tmp_path)(path))):
        with pytest.raises((ModelError, InputError), match="pickled"):
            way(str(tmp_path / name))
    assert not (tmp_path / "ran").exists()


def test_the_core_never_unpickles():
    """Nothing in the package calls what could: torch.load, pickle, joblib, numpy with allow_pickle."""
    sources = [file.read_text() for file in (shipped("studio").parent / "studio").rglob("*.py")]
    assert len(sources) > 50
    for call in (
        "torch.load(",
        "pickle.load",
        "import pickle",
        "joblib",
        "allow_pickle=True",
        "trust_remote_code=True",
    ):
        assert not [source for source in sources if call in source]


def halved(model, parts, precision="fp16"):
    for part in parts:
        for file in (model / part).glob("*.safetensors"):
            file.rename(file.with_name(f"{file.stem}.{precision}.safetensors"))


@pytest.mark.parametrize("parts", [("unet",), ("unet", "vae", "text_encoder")])
def test_weights_that_come_in_half_precision_only_are_loaded(model, parts):
    plain = here.pipelines().get(ModelCard.read(model), "text-to-image").unet.state_dict()
    halved(model, parts)
    card = ModelCard.read(model)
    loaded = here.pipelines().get(card, "text-to-image").unet.state_dict()
    assert all((tensor == plain[name]).all() for name, tensor in loaded.items())
    assert folder.weight_files(model / "unet") == [model / "unet" / "diffusion_pytorch_model.fp16.safetensors"]


def test_plain_weights_go_before_others(model):
    file = next((model / "unet").glob("*.safetensors"))
    file.with_name("diffusion_pytorch_model.fp16.safetensors").write_bytes(file.read_bytes())
    assert folder.variants(model) is None
    assert folder.weight_files(model / "unet") == [file]


def test_parts_in_different_precisions_are_named(model):
    halved(model, ["unet"])
    halved(model, ["vae"], "bf16")
    with pytest.raises(
        ModelError, match=r"come in different precisions \(unet in fp16, vae in bf16\); get all of them"
    ):
        here.pipelines().get(ModelCard.read(model), "text-to-image")


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("model.safetensors", ""),
        ("model-00001-of-00002.safetensors", ""),
        ("model.fp16.safetensors", "fp16"),
        ("model.fp16-00001-of-00002.safetensors", "fp16"),
        ("model-00001-of-00002.fp16.safetensors", "fp16"),
        ("model.safetensors.index.fp16.json", "fp16"),
        ("model.safetensors.index.json", ""),
        ("config.json", ""),
    ],
)
def test_the_precision_is_read_from_a_files_name(name, precision):
    assert folder.precision(name) == precision
