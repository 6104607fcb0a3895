"""What comes with a model is data: nothing in it runs, whichever way it comes in."""

import json
import pickle
import shutil
import subprocess
import sys

import pytest

from studio.engine.pipelines import Pipelines
from studio.errors import InputError, ModelError
from studio.models import folder, library
from studio.models.card import ModelCard


class Canary:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def model(tmp_path):
    shutil.copytree(library.find("spark").path, tmp_path / "mine")
    return tmp_path / "mine"


def change(file, **entries):
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def refused(path, match):
    with pytest.raises(ModelError, match=match):
        folder.check(path)
    with pytest.raises(ModelError):
        Pipelines("cpu").get(ModelCard.read(path), "text-to-image")
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
    refused(model, "asks for code of the model's own")


def test_a_class_that_is_more_than_a_name_is_refused(model):
    change(model / "unet" / "config.json", _class_name=["pipeline", "UNet"])
    refused(model, "names its class by more than a name")
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
    refused(model, "which is no safetensors file beside it")


def test_a_configuration_is_not_endless(model):
    (model / "unet" / "config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="config.json' cannot be read"):
        folder.check(model)
    (model / "unet" / "config.json").write_text(" " * (4 * 2**20 + 1))
    with pytest.raises(ModelError, match="larger than 4,194,304 bytes"):
        folder.check(model)


@pytest.mark.parametrize("name", ["x.ckpt", "x.pt", "x.bin", "x.SafeTensors", "x.safetensors"])
def test_a_pickle_never_runs_whatever_it_is_called(tmp_path, name, state):
    (tmp_path / name).write_bytes(pickle.dumps(Canary(tmp_path / "ran")))
    command = [sys.executable, "-m", "studio", "models", "add", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pickled checkpoint, which can run code" in done.stderr
    for way in (library.find, lambda path: ModelCard.read(type(tmp_path)(path))):
        with pytest.raises((ModelError, InputError), match="pickled"):
            way(str(tmp_path / name))
    assert not (tmp_path / "ran").exists()


def test_the_core_never_unpickles():
    """Nothing in the package calls what could: torch.load, pickle, joblib, numpy with allow_pickle."""
    sources = [file.read_text() for file in (library.shipped("studio").parent / "studio").rglob("*.py")]
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
    plain = Pipelines("cpu").get(ModelCard.read(model), "text-to-image").unet.state_dict()
    halved(model, parts)
    card = ModelCard.read(model)
    loaded = Pipelines("cpu").get(card, "text-to-image").unet.state_dict()
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
        Pipelines("cpu").get(ModelCard.read(model), "text-to-image")


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
