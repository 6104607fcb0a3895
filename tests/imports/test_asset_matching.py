"""Models and LoRAs that another tool names are found by hash, then by name, and never taken by mistake."""

import hashlib
import json

import pytest

from studio.imports import asset_matching
from studio.imports.asset_matching import AssetMatch
from studio.lora.library.hashes import Digests
from studio.model_files import hash_cache
from studio.model_files.hash_cache import HashCache
from studio.model_files.hashes import digest
from studio.models import model_store
from tests import here
from tests.lora import files


@pytest.fixture
def home(tmp_path, state, monkeypatch):
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path / "parts"))
    monkeypatch.setattr("studio.lora.library.lora_index.shipped", lambda _: tmp_path / "none came along")
    (tmp_path / "parts" / "styles").mkdir(parents=True)
    return tmp_path / "parts"


@pytest.fixture
def neon(home):
    files.write(files.kohya("lora_unet_mid_block_attentions_0_proj_in", (8, 8)), home / "styles" / "neon.safetensors")
    return home / "styles" / "neon.safetensors"


def test_a_lora_by_each_kind_of_hash(neon):
    own = Digests.of(neon, HashCache())
    hashes = [own.file, own.file[:10], own.file[:12], own.tensors[:12], f"0x{own.tensors}", own.autov3]
    for text in hashes:
        assert asset_matching.find(here.library(), "lora", "neon", [text]) == AssetMatch("styles/neon", sure=True)
        assert asset_matching.find(here.library(), "lora", "folder\\Neon.safetensors", ["0" * 12, text]).sure


def test_another_name_is_found_by_what_its_sidecar_says_if_that_is_true(neon):
    own = Digests.of(neon, HashCache())
    assert asset_matching.find(here.library(), "lora", "other", [own.autov3]) == AssetMatch()
    neon.with_name("neon.json").write_text(json.dumps({"sha256": own.file}))
    neon.with_name("neon.metadata.json").write_text(json.dumps({"sha256": own.file, "autov3": own.tensors[:12]}))
    assert asset_matching.find(here.library(), "lora", "other", [own.autov3]) == AssetMatch("styles/neon", sure=True)
    neon.with_name("neon.metadata.json").write_text(json.dumps({"sha256": "a" * 64}))
    assert asset_matching.find(here.library(), "lora", "other", ["a" * 10]).name == ""


def test_a_name_alone_is_not_sure_and_a_name_with_another_hash_is_not_taken(neon):
    assert asset_matching.find(here.library(), "lora", "neon", []) == AssetMatch("styles/neon")
    for nothing in ("e3b0c44298fc", "blake3:" + "a" * 64, "zzz"):
        assert not asset_matching.find(here.library(), "lora", "neon", [nothing]).sure
    told = asset_matching.find(here.library(), "lora", "neon", ["123456789abc"])
    assert told == AssetMatch(why="'styles/neon' is here, but it is another file: its hash differs")
    files.write(
        files.kohya("lora_unet_mid_block_attentions_0_proj_in", (8, 8)), neon.parent.parent / "neon.safetensors"
    )
    assert "may be any of" in asset_matching.find(here.library(), "lora", "neon", []).why


def test_what_was_hashed_once_is_found_under_any_name_without_reading_it(home, monkeypatch):
    monkeypatch.setattr(hash_cache, "_SMALL", 0)
    file = home / "renamed.safetensors"
    files.write(files.kohya("lora_unet_mid_block_attentions_0_proj_out", (8, 8)), file)
    sha256 = digest(file, here.library().hash_cache)
    monkeypatch.setattr("studio.model_files.hashes.read_digest", lambda file: pytest.fail(f"{file} was read"))
    monkeypatch.setattr(asset_matching, "_has_hash", lambda library, file, claims: pytest.fail(f"{file} was read"))
    assert asset_matching.find(here.library(), "lora", "other", [sha256[:10]]) == AssetMatch("renamed", sure=True)
    file.write_bytes(b"changed" + b"\0" * 100)
    monkeypatch.undo()
    assert asset_matching.find(here.library(), "lora", "other", [sha256[:10]]).name == ""


def test_a_damaged_memory_is_no_loss(home, neon, state, monkeypatch):
    monkeypatch.setattr(hash_cache, "_SMALL", 0)
    state.mkdir(exist_ok=True)
    (state / "hashes.sqlite").write_bytes(b"no database" * 1000)
    neon.write_bytes(neon.read_bytes() + b"\0")
    assert digest(neon, here.library().hash_cache) == hashlib.sha256(neon.read_bytes()).hexdigest()


def test_a_model_by_the_hash_it_was_added_with_and_by_the_old_short_one(state, sd1_file):
    model_store.add(here.models(), sd1_file, "mine")
    assert asset_matching.find(
        here.library(), "model", "painting", [digest(sd1_file, here.library().hash_cache)[:10]]
    ) == AssetMatch("mine", sure=True)
    data = sd1_file.read_bytes()[0x100000 : 0x100000 + 0x10000]
    assert asset_matching.find(
        here.library(), "model", "painting", [hashlib.sha256(data).hexdigest()[:8]]
    ) == AssetMatch("mine", sure=True)


def test_a_folder_has_no_such_hash():
    assert asset_matching.find(here.library(), "model", "spark", []) == AssetMatch("spark")
    assert "folder" in asset_matching.find(here.library(), "model", "spark", ["0123456789"]).why
    assert asset_matching.find(here.library(), "upscaler", "4x", []) == AssetMatch()
