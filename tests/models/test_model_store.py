import json
import os
import shutil
from pathlib import Path

import pytest

from studio.errors import InputError, ModelError
from studio.model_files.hashes import read_digest
from studio.models import model_store
from studio.ui.controls import controls, live_choices
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def file(tmp_path, sd1_file) -> Path:
    return Path(shutil.copy(sd1_file, tmp_path / "painting.safetensors"))


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(shutil.copytree(here.card("spark").path, tmp_path / "mine"))


def test_a_file_is_added_found_and_offered(file):
    card = model_store.add(here.models(), file)
    assert (card.name, card.path, card.family.name) == ("painting", file, "sd1")
    assert card.sha256() == read_digest(file)
    assert here.models().names() == ["spark", "painting"]
    asked = next(control for control in controls(Workflow.load("text-to-image")) if control.kind == "model")
    assert live_choices(asked, here.library()) == ("spark", "painting")


def test_a_file_needs_not_be_added_to_be_used(file):
    assert here.card(str(file)).name == "painting"


def test_the_list_is_plain_json_that_pins_every_file(folder, state):
    model_store.add(here.models(), folder, "pictures")
    entry = json.loads((state / "models.json").read_text())["models"]["pictures"]
    assert entry["path"] == str(folder)
    assert entry["pins"]["vae/config.json"][0] == read_digest(folder / "vae" / "config.json")
    assert set(entry["pins"]) == {f.relative_to(folder).as_posix() for f in here.card("pictures").files().values()}


@pytest.mark.parametrize("name", ["spark", "painting"])
def test_a_name_is_given_once(file, name):
    model_store.add(here.models(), file)
    with pytest.raises(InputError, match=f"a model '{name}' already; choose another name with --name"):
        model_store.add(here.models(), file, name)


@pytest.mark.parametrize("name", ["../up", "a/b", " x", "x ", "a\nb", ".", "-x", "x" * 101])
def test_a_name_is_one_that_can_be_typed(file, name):
    with pytest.raises(InputError, match="cannot be a model's name"):
        model_store.add(here.models(), file, name)


def test_removing_leaves_the_files(file):
    model_store.add(here.models(), file)
    assert model_store.remove(here.models(), "painting") == f"its files stay at '{file}'"
    assert file.is_file()
    assert here.models().names() == ["spark"]
    with pytest.raises(InputError, match="no added model 'painting'"):
        model_store.remove(here.models(), "painting")


def test_a_model_that_is_gone_is_named(file):
    model_store.add(here.models(), file)
    file.unlink()
    with pytest.raises(ModelError, match=r"'painting' is no longer at .*studio models remove painting"):
        here.card("painting")
    assert "painting" in here.models().names()
    model_store.remove(here.models(), "painting")


def spoil(path: Path) -> None:
    """Change one byte and set the clock back, as one would who wants it unseen."""
    about = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def test_a_changed_file_is_named_with_the_expected_hash_before_use(file, sd1_folder):
    card = model_store.add(here.models(), file, base=str(sd1_folder))
    pin = read_digest(file)
    job = Job.of(Workflow.load("text-to-image"), {"prompt": "a circle", "model": "painting"})
    spoil(file)
    says = f"painting.safetensors' has changed: SHA-256 {read_digest(file)}, expected {pin}"
    for use in (card.sha256, card.check, lambda: here.card("painting"), lambda: here.resolved(job)):
        with pytest.raises(ModelError) as raised:
            use()
        assert says in str(raised.value)
    assert model_store.verify(here.models(), "painting") == [
        f"'{file}' has changed: SHA-256 {read_digest(file)}, expected {pin}"
    ]


def test_a_cut_file_of_a_folder_is_named_with_the_expected_hash(folder):
    model_store.add(here.models(), folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    pin, size = read_digest(weights), weights.stat().st_size
    os.truncate(weights, 1000)
    assert model_store.verify(here.models(), "mine") == [
        f"'{weights}' is cut off: 1,000 of {size:,} bytes (expected SHA-256 {pin})"
    ]
    weights.unlink()
    assert model_store.verify(here.models(), "mine") == [f"'{weights}' is missing (expected SHA-256 {pin})"]


def test_a_file_that_was_not_there_is_named(folder):
    model_store.add(here.models(), folder)
    (folder / "tokenizer" / "added_tokens.json").write_text("{}")
    for use in (here.card("mine").sha256, lambda: model_store.verify(here.models(), "mine")):
        with pytest.raises(ModelError, match=r"not as it was added: '.*added_tokens.json' was not there then"):
            use()


def test_a_file_that_was_copied_back_is_right_again(folder, tmp_path):
    model_store.add(here.models(), folder)
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    assert model_store.verify(here.models(), "mine") == []
    here.card("mine").check()


def test_as_long_as_nothing_changed_nothing_is_read_again(folder, monkeypatch):
    model_store.add(here.models(), folder)
    monkeypatch.setattr("studio.model_files.hashes.read_digest", lambda file: pytest.fail(f"{file} was read"))
    here.card("mine").check()


def test_a_base_must_be_a_folder(file, folder):
    model_store.add(here.models(), file)
    with pytest.raises(InputError, match="'painting' cannot be a base: it is a single file"):
        model_store.add(here.models(), file, "other", base="painting")
    model_store.add(here.models(), folder)
    assert model_store.add(here.models(), file, "other", base="mine").base == folder


def test_a_damaged_list_is_said_to_be_one(state):
    state.mkdir()
    (state / "models.json").write_text("{")
    with pytest.raises(ModelError, match=r"models\.json' cannot be read; move it away .* it is only a list"):
        here.models().names()


def test_two_at_once_lose_nothing(file, state):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: model_store.add(here.models(), file, f"m{n}"), range(8)))
    assert sorted(here.models().registry.read().models) == [f"m{n}" for n in range(8)]
    assert sorted(path.name for path in state.iterdir()) == ["hashes.sqlite", "models.json", "models.lock"]
