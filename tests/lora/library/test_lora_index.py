import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from studio.errors import InputError
from studio.lora.library import lora_index
from studio.model_files.hashes import Stamp
from studio.models import model_store as models
from studio.workflow import asset_refs
from tests import here

pytestmark = pytest.mark.usefixtures("state", "parts")


@pytest.fixture
def parts(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path / "parts"))
    monkeypatch.setattr(lora_index, "shipped", lambda _: tmp_path / "none came along")
    return tmp_path / "parts"


def lora(path, metadata=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {
        f"{name}.lora_down.weight": np.zeros((4, 160), "f2"),
        f"{name}.lora_up.weight": np.zeros((64, 4), "f2"),
        f"{name}.alpha": np.array(4, "f2"),
    }
    save_file(tensors, path, metadata)
    return path


@pytest.fixture
def added(tmp_path):
    """Two programs' folders, added."""
    for folder in ("webui", "comfy"):
        (tmp_path / folder).mkdir()
    for place in ("webui/models/Lora", "webui/models/LyCORIS", "comfy/models/loras"):
        (tmp_path / place).mkdir(parents=True)
    models.add_folder(here.models(), tmp_path / "webui")
    models.add_folder(here.models(), tmp_path / "comfy")
    return tmp_path


def test_a_name_with_a_comma_is_written_in_quotation_marks(parts):
    file = lora(parts / "ink, blue.safetensors")
    assert [here.lora(one.part) for one in asset_refs.loras("loras", '"ink, blue":0.5, "ink, blue:1"')] == [
        file,
        file,
    ]
    for piece in ("ink", "blue"):
        with pytest.raises(InputError, match='for the LoRA called "ink, blue" write the quotation marks too'):
            here.lora(piece)


def test_loras_of_other_programs_are_found_where_they_lie(added):
    files = [
        lora(added / "webui/models/Lora/neon.safetensors"),
        lora(added / "webui/models/LyCORIS/people/anna.v1.safetensors"),
        lora(added / "comfy/models/loras/paper.safetensors"),
    ]
    before = {path: Stamp.of(path) for path in added.rglob("*") if "state" not in path.parts}
    assert sorted(here.library().loras.names()) == ["neon", "paper", "people/anna.v1"]
    assert [here.lora(name) for name in ("neon", "people/anna.v1", "paper")] == files
    assert {path: Stamp.of(path) for path in added.rglob("*") if "state" not in path.parts} == before


def test_the_end_of_a_name_and_a_path_will_do(added):
    file = lora(added / "comfy/models/loras/people/anna.safetensors")
    assert here.lora("anna") == here.lora("people/anna.safetensors") == here.lora(str(file)) == file


def test_two_of_one_name_have_longer_names_and_neither_is_chosen_silently(added):
    one = lora(added / "webui/models/Lora/anna.safetensors")
    two = lora(added / "comfy/models/loras/anna.safetensors")
    assert sorted(here.library().loras.names()) == ["Lora/anna", "loras/anna"]
    assert (here.lora("Lora/anna"), here.lora("loras/anna")) == (one, two)
    with pytest.raises(InputError, match="may be any of 2 LoRAs; say which: Lora/anna, loras/anna"):
        here.lora("anna")


def test_programs_that_look_alike_are_told_apart(added):
    lora(added / "webui/models/Lora/anna.safetensors")
    lora(added / "forge/models/Lora/anna.safetensors")
    models.add_folder(here.models(), added / "forge")
    assert sorted(here.library().loras.names()) == ["forge/models/Lora/anna", "webui/models/Lora/anna"]


def test_a_plain_folder_and_the_folder_of_parts_are_looked_into(tmp_path, parts):
    lora(parts / "neon.safetensors")
    lora(tmp_path / "mine" / "paper.safetensors")
    models.add_folder(here.models(), tmp_path / "mine")
    assert here.library().loras.names() == ["neon", "paper"]


def test_what_is_no_lora_is_left_alone_and_named(added, parts):
    parts.mkdir()
    save_file({"decoder.conv_in.weight": np.zeros(4)}, parts / "vae.safetensors")
    place = added / "webui/models/Lora"
    save_file({"decoder.conv_in.weight": np.zeros(4)}, place / "vae.safetensors")
    (place / "broken.safetensors").write_bytes(b"\x80\x02}")
    (place / "old.pt").write_bytes(b"\x80\x02}")
    assert here.library().loras.names() == []
    assert [file.name for file in here.library().loras.shelf().left_alone] == [
        "broken.safetensors",
        "old.pt",
        "vae.safetensors",
    ]


def test_an_unknown_name_says_what_there_is(parts):
    lora(parts / "neon.safetensors")
    with pytest.raises(InputError, match="there is no LoRA 'neno'; did you mean 'neon'"):
        here.lora("neno")


def test_what_was_seen_is_not_looked_into_again_until_it_changes(parts, state):
    lora(parts / "neon.safetensors")
    assert here.library().loras.shelf().cards["neon"].triggers == ()
    code = (
        "from pathlib import Path; from studio.model_files.header import Header; from studio.library import Library;"
        "from studio.lora.library import lora_index; lora_index.shipped = lambda _: Path('none came along');"
        "Header.read = None; names = Library.from_environment().loras.names(); assert names == ['neon'], names"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    (parts / "neon.json").write_text(json.dumps({"activation text": "neon lines"}))
    assert here.library().loras.shelf().cards["neon"].triggers == ("neon lines",)
    (state / "loras.json").write_text("[")
    assert here.library().loras.names() == ["neon"]
