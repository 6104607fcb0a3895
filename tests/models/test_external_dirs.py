import pickle
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from studio.errors import InputError
from studio.model_files.hashes import Stamp
from studio.models import external_dirs, model_store
from tests import here

pytestmark = pytest.mark.usefixtures("state")


def listing(folder):
    return {path: Stamp.of(path) for path in folder.rglob("*")}


@pytest.mark.parametrize("place", ["models/Stable-diffusion", "models/checkpoints", "."])
def test_models_are_used_where_they_lie(tmp_path, sd1_file, place):
    program = tmp_path / "program"
    (program / place / "anime").mkdir(parents=True)
    shutil.copy(sd1_file, program / place / "one.safetensors")
    shutil.copy(sd1_file, program / place / "anime" / "two.safetensors")
    before = listing(program)
    model_store.add_folder(here.models(), program)
    assert here.models().names() == ["spark", "anime/two", "one"]
    assert here.card("anime/two").path == program / place / "anime" / "two.safetensors"
    here.card("anime/two").check()
    assert listing(program) == before


def test_what_is_put_there_later_is_seen(tmp_path, sd1_file):
    model_store.add_folder(here.models(), tmp_path)
    assert here.models().names() == ["spark"]
    shutil.copy(sd1_file, tmp_path / "new.safetensors")
    assert here.models().names() == ["spark", "new"]


def test_what_is_no_model_and_what_is_pickled_is_left_alone(tmp_path, sd1_file):
    save_file({"lora_unet_x.lora_up.weight": torch.zeros(2)}, tmp_path / "lora.safetensors")
    (tmp_path / "old.ckpt").write_bytes(pickle.dumps(1))
    (tmp_path / "forged.safetensors").write_bytes(pickle.dumps(1))
    shutil.copy(sd1_file, tmp_path / "one.safetensors")
    every = external_dirs.files(tmp_path)
    assert list(every) == ["forged", "lora", "one"]
    assert external_dirs.models(every.values(), tmp_path / "seen.json") == {tmp_path / "one.safetensors"}
    assert external_dirs.pickled(tmp_path) == [tmp_path / "old.ckpt"]


def test_gguf_files_are_among_them(tmp_path):
    for name in ("a.gguf", "b.safetensors", "b.gguf"):
        (tmp_path / name).write_bytes(b"")
    assert {name: file.name for name, file in external_dirs.files(tmp_path).items()} == {
        "a": "a.gguf",
        "b": "b.safetensors",
    }


def test_of_one_name_the_folder_that_was_added_first_counts(tmp_path, sd1_file):
    for program in ("a", "b"):
        (tmp_path / program).mkdir()
        shutil.copy(sd1_file, tmp_path / program / "v1.safetensors")
    model_store.add_folder(here.models(), tmp_path / "b")
    model_store.add_folder(here.models(), tmp_path / "a")
    assert here.card("v1").path == tmp_path / "b" / "v1.safetensors"


def test_what_was_seen_is_not_looked_into_again(tmp_path, sd1_file, state):
    place = tmp_path / "program"
    place.mkdir()
    shutil.copy(sd1_file, place / "one.safetensors")
    model_store.add_folder(here.models(), place)
    names = here.models().names()
    code = (
        "from studio.model_files.header import Header; from studio.library import Library; Header.read = None;"
        f"names = Library.from_environment().models.names(); assert names == {names}, names"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    (state / "seen.json").write_text("[")
    assert here.models().names() == names


def test_the_folder_is_removed_not_a_model_in_it(tmp_path, sd1_file):
    shutil.copy(sd1_file, tmp_path / "one.safetensors")
    model_store.add_folder(here.models(), tmp_path)
    with pytest.raises(InputError, match=f"'one' lies in the folder '{tmp_path}'; remove that"):
        model_store.remove(here.models(), "one")
    assert "stay in" in model_store.remove(here.models(), str(tmp_path))
    assert here.models().names() == ["spark"]


def test_a_folder_that_is_gone_is_no_trouble(tmp_path, sd1_file):
    folder = tmp_path / "drive"
    folder.mkdir()
    shutil.copy(sd1_file, folder / "one.safetensors")
    model_store.add_folder(here.models(), folder)
    shutil.rmtree(folder)
    assert here.models().names() == ["spark"]
