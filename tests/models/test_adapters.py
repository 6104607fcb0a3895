import json
import shutil
import struct
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio.errors import InputError, ModelError
from studio.models import adapters
from tests import here
from tests.diffusion import small


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (small.controlnet, "controlnet"),
        (small.t2i_adapter, "controlnet"),
        (small.vae, "vae"),
        (small.depth_model, "depth"),
        (small.pose_model, "pose"),
        (small.ip_adapter, "ip-adapter"),
    ],
)
def test_each_kind_is_known_by_its_content(make, kind, tmp_path):
    made = make(tmp_path / "anything")
    part = here.library().adapters.find(made, kind)
    assert part.kind == kind
    with pytest.raises(InputError, match=f"is a {adapters.TITLES[kind]}; here a embedding is wanted"):
        here.library().adapters.find(made, "embedding")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("controlnet_cond_embedding.conv_in.weight", "controlnet"),
        ("control_model.input_hint_block.0.weight", "controlnet"),
        ("first_stage_model.decoder.conv_in.weight", "vae"),
        ("decoder.conv_in.weight", "vae"),
        ("image_proj.proj.weight", "ip-adapter"),
        ("emb_params", "embedding"),
        ("<style>", "embedding"),
    ],
)
def test_a_file_is_known_by_the_names_of_its_tensors(key, kind, tmp_path):
    save_file({key: torch.zeros(1), "conv_out.weight": torch.zeros(1)}, tmp_path / "x.safetensors")
    assert adapters.Part.read(tmp_path / "x.safetensors").kind == kind


def test_those_in_the_folder_of_parts_have_names(home):
    small.controlnet(home / "scribbles")
    small.embedding(home / "style.safetensors")
    (home / "notes.txt").write_text("no part")
    (home / "empty").mkdir()
    assert here.library().adapters.names("controlnet") == ["scribbles"]
    assert here.library().adapters.names("embedding") == ["style.safetensors"]
    assert here.library().adapters.find("scribbles", "controlnet").path == home / "scribbles"


def test_an_unknown_name_is_named(home):
    small.controlnet(home / "scribbles")
    with pytest.raises(InputError, match="no ControlNet or T2I-Adapter 'scribble'; did you mean 'scribbles'"):
        here.library().adapters.find("scribble", "controlnet")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02}q\x00."])
def test_what_is_no_safetensors_file_is_never_opened_otherwise(content, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="get it in the safetensors format"):
        adapters.Part.read(tmp_path / "x.safetensors")


def hostile(path: Path) -> None:
    """A header of seven million tensors, over which the library takes seconds and a gigabyte."""
    header = b'{"a":' + b'{"":[' * 1_000_000
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def test_a_hostile_part_is_refused_before_anything_parses_it(tmp_path):
    hostile(tmp_path / "x.safetensors")
    began = time.process_time()
    with pytest.raises(ModelError, match="the file is damaged or forged"):
        adapters.Part.read(tmp_path / "x.safetensors")
    net, adapter = Path(small.controlnet(tmp_path / "net")), Path(small.ip_adapter(tmp_path / "ip"))
    for made, folder, kind in ((net, net, "controlnet"), (adapter, adapter.parent / "image_encoder", "ip-adapter")):
        hostile(next(folder.glob("*.safetensors")))
        with pytest.raises(ModelError, match="the file is damaged or forged"):
            here.library().adapters.find(str(made), kind)
    assert time.process_time() - began < 5  # most of it builds the net


def test_a_part_in_another_format_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + bytes(8))
    with pytest.raises(ModelError, match="is a gguf file, which is read of whole models only"):
        adapters.Part.read(tmp_path / "x.safetensors")


def test_strangers_are_refused(tmp_path):
    save_file({f"layer.{n}": torch.zeros(1) for n in range(3)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="holds none of the parts known here"):
        adapters.Part.read(tmp_path / "x.safetensors")
    for config in ({"_class_name": "UNet2DConditionModel"}, {"_class_name": ["ControlNetModel", "x"]}):
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelError, match="is no part of a model known here"):
            adapters.Part.read(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="no config.json that says what it holds"):
        adapters.Part.read(tmp_path)


def test_the_hash_sees_every_file(tmp_path):
    net = Path(small.controlnet(tmp_path / "net"))
    before = adapters.Part.read(net).sha256()
    config = json.loads((net / "config.json").read_text())
    (net / "config.json").write_text(json.dumps({**config, "global_pool_conditions": True}))
    assert adapters.Part.read(net).sha256() != before


def test_the_hash_of_an_ip_adapter_sees_its_encoder(tmp_path):
    file = Path(small.ip_adapter(tmp_path / "ip"))
    before = adapters.Part.read(file).sha256()
    shutil.rmtree(file.parent / "image_encoder")
    assert adapters.Part.read(file).sha256() != before


@pytest.mark.parametrize(("modes", "known"), [(6, 6), (8, 8), (20, 8)])
def test_a_union_controlnet_knows_its_kinds_of_picture_by_number(modes, known, tmp_path):
    save_file({"task_embedding": torch.zeros(modes, 4), "controlnet_cond_embedding.x": torch.zeros(1)},
              tmp_path / "union.safetensors")  # fmt: skip
    part = here.library().adapters.find(str(tmp_path / "union.safetensors"), "controlnet")
    assert len(part.modes) == known
    assert (part.mode("pose"), part.mode("edges")) == (0, 3)
    with pytest.raises(InputError, match="'union' follows several kinds of picture; say which this one is: pose, "):
        part.mode("as trained")


def test_one_for_a_single_kind_of_picture_need_not_know_it(tmp_path):
    part = here.library().adapters.find(small.controlnet(tmp_path / "net"), "controlnet")
    assert part.modes == ()
    assert part.mode("edges") is None
