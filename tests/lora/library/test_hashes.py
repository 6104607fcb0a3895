import hashlib
import struct

import pytest

from studio.lora.library.hashes import Digests
from studio.model_files.hash_cache import HashCache
from tests.lora.told import beside, write


def data_of(file):
    raw = file.read_bytes()
    return raw[8 + struct.unpack("<Q", raw[:8])[0] :]


def declare(tmp_path, **metadata):
    """A file that gives itself hashes; with the same tensors in all cases."""
    return write(tmp_path / "neon.safetensors", {key.replace("__", "."): text for key, text in metadata.items()})


@pytest.fixture
def plain(tmp_path):
    return write(tmp_path / "plain.safetensors")


def test_hashes_of_the_file_and_of_its_tensors(plain):
    found = Digests.of(plain, HashCache())
    assert found.file == hashlib.sha256(plain.read_bytes()).hexdigest()
    assert found.tensors == hashlib.sha256(data_of(plain)).hexdigest()
    assert (found.autov2, found.autov3) == (found.file[:10].upper(), found.tensors[:12].upper())
    assert found.wrong == ()


def test_metadata_changes_the_one_and_not_the_other(tmp_path, plain):
    other = Digests.of(declare(tmp_path, ss_v2="True"), HashCache())
    assert other.tensors == Digests.of(plain, HashCache()).tensors
    assert other.file != Digests.of(plain, HashCache()).file


def test_true_hashes_are_passed_over_in_every_spelling(tmp_path, plain):
    own = Digests.of(plain, HashCache()).tensors
    file = declare(tmp_path, sshs_model_hash=own, modelspec__hash_sha256=f"0x{own}")
    whole = Digests.of(file, HashCache()).file
    hashes = {"SHA256": whole.upper(), "AutoV2": whole[:10], "AutoV3": own[:12].upper(), "CRC32": "1", "BLAKE3": "2"}
    beside(file, civitai_info={"files": [{"hashes": {"SHA256": "1" * 64}}, {"hashes": hashes}]})
    beside(file, metadata_json={"sha256": whole, "autov3": own[:12], "civitai": {}})
    assert Digests.of(file, HashCache()).wrong == ()


@pytest.mark.parametrize("key", ["sshs_model_hash", "modelspec__hash_sha256"])
def test_a_hash_of_other_tensors_is_called_out(tmp_path, key):
    (wrong,) = Digests.of(declare(tmp_path, **{key: "0x" + "ab" * 32}), HashCache()).wrong
    assert wrong.startswith(f"{key.replace('__', '.')} says abababababab of its tensors; it is ")


def test_the_hash_of_nothing_is_called_out(tmp_path):
    file = declare(tmp_path, sshs_model_hash="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    beside(file, civitai_info={"files": [{"hashes": {"AutoV3": "E3B0C44298FC"}}]})
    assert [wrong.partition(" (")[0] for wrong in Digests.of(file, HashCache()).wrong] == [
        "sshs_model_hash gives it the hash of nothing",
        "neon.civitai.info gives it the hash of nothing",
    ]


def test_a_sidecar_of_another_file_is_called_out(plain):
    beside(plain, metadata_json={"sha256": "12" * 32})
    assert [wrong[:47] for wrong in Digests.of(plain, HashCache()).wrong] == [
        "plain.metadata.json says 121212121212 of its fi"
    ]


@pytest.mark.parametrize("odd", ["", "0x", "ab", "no hash at all", "é" * 64, "\x1b[2J" * 9])
def test_odd_hashes_are_no_trouble(tmp_path, odd):
    assert Digests.of(declare(tmp_path, sshs_model_hash=odd), HashCache()).wrong == ()
