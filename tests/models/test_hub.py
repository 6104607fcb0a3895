import os
import subprocess
import sys

import pytest

from studio.config import shipped
from studio.errors import InputError, ModelError
from studio.models import hub
from tests import here
from tests.models.hubserver import COMMIT, Hub

SPARK = shipped("assets") / "spark"
FILES = {file.relative_to(SPARK).as_posix(): file.read_bytes() for file in SPARK.rglob("*") if file.is_file()}
NEVER = {
    "pipeline.py": b"1/0",
    "unet/diffusion_pytorch_model.bin": b"pickle",
    "unet/diffusion_pytorch_model.fp16.safetensors": b"variant",
    "unet/model.onnx": b"onnx",
    "old.ckpt": b"pickle",
    "vae_other/config.json": b"{}",
    "safety_checker/model.safetensors": b"unused",
}
WANTED = {name for name in FILES if name == "model_index.json" or "/" in name}


@pytest.fixture
def online(state, monkeypatch, tmp_path):
    """The network switched on for those who ask for it, and nobody's token."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_user")

    def serve(**given):
        server = Hub("acme/spark", FILES | NEVER, **given)
        server.__enter__()
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        served.append(server)
        return server

    served = []
    yield serve
    for server in served:
        server.__exit__()


def test_the_offer_names_host_commit_size_and_licence(online):
    server = online()
    offer = hub.look("acme/spark")
    assert (offer.host, offer.commit, offer.licence) == (server.url.removeprefix("http://"), COMMIT, "openrail++")
    assert {file.name for file in offer.files} == WANTED
    assert offer.size == sum(len(FILES[name]) for name in WANTED)
    assert not server.fetched()


def test_what_was_offered_is_fetched_and_nothing_else(online):
    server = online()
    folder = hub.fetch(hub.look("acme/spark"), here.models().downloads)
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == WANTED
    assert all((folder / name).read_bytes() == FILES[name] for name in WANTED)
    asked = {path.rpartition(f"{COMMIT}/")[2] for _, path, _ in server.asked if COMMIT in path}
    assert asked == WANTED
    assert here.card(str(folder)).sha256() == here.card("spark").sha256()


def test_a_broken_download_goes_on_where_it_broke_off(online):
    server = online(cut=12_000_000)
    with pytest.raises(ModelError, match="was interrupted .* the same command resumes"):
        hub.fetch(hub.look("acme/spark"), here.models().downloads)
    server.cut, server.broken, done = None, False, server.fetched()
    server.asked.clear()
    folder = hub.fetch(hub.look("acme/spark"), here.models().downloads)
    large = "unet/diffusion_pytorch_model.safetensors"
    assert [asked[2] for asked in server.asked if asked[0] == "GET" and asked[1].endswith(large)] == ["bytes=10485760-"]
    assert not {"text_encoder/model.safetensors"} & set(server.fetched())
    assert "text_encoder/model.safetensors" in done
    assert (folder / large).read_bytes() == FILES[large]
    assert not (folder / ".partial").exists()


def test_what_does_not_arrive_as_it_was_sent_is_thrown_away(online):
    server = online(spoil="text_encoder/model.safetensors")
    with pytest.raises(ModelError, match=r"model.safetensors' was damaged on the way: .* expected"):
        hub.fetch(hub.look("acme/spark"), here.models().downloads)
    server.spoil = ""
    assert hub.fetch(hub.look("acme/spark"), here.models().downloads).is_dir()


def test_only_the_hub_is_told_who_asks(online):
    server = online()
    hub.fetch(hub.look("acme/spark"), here.models().downloads)
    for path, token in server.tokens:
        assert token == ("" if path.startswith("/store/") else "Bearer hf_of_the_user")


@pytest.mark.parametrize(
    ("given", "ref", "revision", "says"),
    [
        ({}, "acme/other", "main", "there is no model 'acme/other' at 127.0.0.1:"),
        ({}, "acme/spark", "v9", "has no revision 'v9'"),
        ({"gated": True}, "acme/spark", "main", "is gated: agree to its terms"),
        ({}, "acme/spark/none.safetensors", "main", "it has no file 'none.safetensors'"),
    ],
)
def test_what_cannot_be_had_is_said(online, given, ref, revision, says):
    online(**given)
    with pytest.raises(ModelError, match=says):
        hub.look(ref, revision)


def test_a_host_that_does_not_answer_is_named(online, monkeypatch):
    online()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="127.0.0.1:9 cannot be reached"):
        hub.look("acme/spark")


def test_who_is_offline_stays_offline(online, monkeypatch):
    server = online()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set, so nothing is downloaded"):
        hub.look("acme/spark")
    assert not server.asked


def test_the_process_that_asks_for_it_stays_offline(online):
    server = online()
    code = (
        "from studio.models import hub; hub.look('acme/spark');"
        "from studio.diffusion import libraries; libraries.diffusers();"
        "import huggingface_hub; assert huggingface_hub.constants.HF_HUB_OFFLINE"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
    assert server.asked


@pytest.mark.parametrize("ref", ["acme/spark", "acme/spark/model.safetensors", "a-b.c/d_e"])
def test_what_may_be_a_repository(ref):
    assert hub.is_reference(ref)


@pytest.mark.parametrize("ref", ["spark", "models/x.safetensors", "../x", "a/b/c.ckpt", "/a/b", "a/b/../c.safetensors"])
def test_what_is_none(ref):
    assert not hub.is_reference(ref)


def test_of_several_files_one_must_be_named():
    with pytest.raises(ModelError, match=r"name one of its files: owner/name/a\.safetensors"):
        hub.chosen(["a.safetensors", "b.safetensors", "README.md"], set(), "")
    assert hub.chosen(["a.safetensors", "b.safetensors"], set(), "b.safetensors") == ["b.safetensors"]
    assert hub.chosen(["a.safetensors", "c.bin"], set(), "") == ["a.safetensors"]


def test_names_that_lead_elsewhere_are_not_fetched():
    names = [
        "model_index.json",
        "unet/../../x.json",
        "/etc/x.json",
        "unet/a/b.json",
        "unet/config.json",
        "..",
        "unet/.x.json",
    ]
    assert hub.chosen(names, {"unet", ".."}, "") == ["model_index.json", "unet/config.json"]


def test_shards_are_fetched_and_variants_are_not():
    plain = ["unet/d-00001-of-00002.safetensors", "unet/d.safetensors.index.json", "unet/m.safetensors"]
    variants = [
        "unet/d.fp16-00001-of-00002.safetensors",
        "unet/d.safetensors.index.fp16.json",
        "unet/m.fp16.safetensors",
    ]
    assert hub.chosen(["model_index.json", *plain, *variants], {"unet"}, "") == ["model_index.json", *plain]


def test_weights_that_come_in_half_precision_only_are_fetched():
    half = [
        "text_encoder/model.fp16.safetensors",
        "unet/d.fp16-00001-of-00001.safetensors",
        "unet/d.safetensors.index.fp16.json",
        "vae/d.safetensors",
    ]
    others = ["text_encoder/model.int8.safetensors", "vae/d.fp16.safetensors"]
    parts = {"text_encoder", "unet", "vae"}
    assert hub.chosen(["model_index.json", *half, *others], parts, "") == ["model_index.json", *half]


def test_a_gguf_file_can_be_named():
    assert hub.is_reference("owner/name/flux-Q4_0.gguf")
    assert not hub.is_reference("owner/flux.gguf")
    assert hub.chosen(["a-Q8_0.gguf", "b-Q4_0.gguf"], set(), "b-Q4_0.gguf") == ["b-Q4_0.gguf"]
