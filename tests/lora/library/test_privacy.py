import json

import pytest
from safetensors.numpy import load_file

from studio.errors import InputError, OutputError
from studio.lora.library import privacy
from studio.lora.library.card import LoraCard
from studio.lora.library.hashes import Digests
from studio.model_files.hash_cache import HashCache
from studio.model_files.hashes import Stamp
from studio.model_files.header import Header
from tests.lora.told import KOHYA, write

SECRETS = ("acme", "anna smith", "/Users/anna", "2771834", "1731000000", "users")


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "neon.safetensors", KOHYA | {"ss_hostname": "annas-desk", "note": "D:\\Kunden\\x"})


def test_what_is_private_is_named(file):
    found = {finding.what: finding.text for finding in privacy.findings(Header.read(file).metadata)}
    assert found == {
        "training folders": "10_acme launch",
        "tags": "neon lines, acme logo, outline",
        "paths": "D:\\Kunden\\x, /Users/anna/clients/acme/10_acme launch, "
        "C:\\Users\\Anna Smith\\models\\v1-5-pruned-emaonly.safetensors",
        "user names": "anna, Anna Smith",
        "session id": "2771834",
        "times of training": "1731000000.5, 2024-11-07T18:00:00",
        "machine": "ss_hostname annas-desk",
    }


def test_a_scrubbed_copy_has_the_same_tensors_byte_for_byte(file, tmp_path):
    before, stamp = file.read_bytes(), Stamp.of(file)
    privacy.scrub(file, out := tmp_path / "clean.safetensors")
    assert out.read_bytes()[Header.read(out).data :] == before[Header.read(file).data :]
    assert Header.read(out).data % 8 == 0
    assert Digests.of(out, HashCache()).tensors == Digests.of(file, HashCache()).tensors
    mine, theirs = load_file(out), load_file(file)
    assert {*mine} == {*theirs} and all((mine[name] == theirs[name]).all() for name in mine)
    assert (file.read_bytes(), Stamp.of(file)) == (before, stamp)


def test_nothing_private_is_left_in_it(file, tmp_path):
    privacy.scrub(file, out := tmp_path / "clean.safetensors")
    text = json.dumps(dict(Header.read(out).metadata)).lower()
    assert [secret for secret in SECRETS if secret in text] == []
    assert privacy.findings(Header.read(out).metadata) == []


def test_what_a_licence_and_a_credit_need_is_left_in_it(file, tmp_path):
    privacy.scrub(file, out := tmp_path / "clean.safetensors")
    card = LoraCard.read(out)
    assert (card.title, card.author, card.triggers) == ("Neon Outline", "Studio Anna", ("neon lines",))
    assert [claim.text for claim in card.licence] == ["cc-by-4.0"]
    assert "v1-5-pruned-emaonly.safetensors" in {claim.text for claim in card.claims if claim.field == "base"}


def test_a_file_that_tells_nothing_stays_so(tmp_path):
    privacy.scrub(write(tmp_path / "plain.safetensors"), out := tmp_path / "clean.safetensors")
    assert Header.read(out).metadata == {}


def test_no_file_is_ever_overwritten(file, tmp_path):
    other = write(tmp_path / "other.safetensors")
    for out in (file, other):
        before = out.read_bytes()
        with pytest.raises(InputError, match="is there already; nothing was written"):
            privacy.scrub(file, out)
        assert out.read_bytes() == before
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "nowhere.safetensors")
    with pytest.raises(InputError, match="is there already"):
        privacy.scrub(file, tmp_path / "link.safetensors")
    assert not (tmp_path / "nowhere.safetensors").exists()


def test_a_copy_that_cannot_be_written_says_so(file, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        privacy.scrub(file, tmp_path / "no folder" / "clean.safetensors")
    with pytest.raises(InputError, match="ends in .safetensors"):
        privacy.scrub(file, tmp_path / "clean")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("see https://example.com/Users/anna/x", ""),
        ("ratio 1:/2, a/b and c\\d", ""),
        ("\\\\nas01\\clients\\acme", "\\\\nas01\\clients\\acme"),
        ("made in /Volumes/disk/acme", "/Volumes/disk/acme"),
    ],
)
def test_paths_are_told_from_what_looks_like_them(text, path):
    found = dict(privacy.findings({"modelspec.description": text}))
    assert found.get("paths", "") == path
