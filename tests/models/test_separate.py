"""Parts in files of their own: told by their tensors, pinned with the model, found where ComfyUI has them."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from studio.errors import InputError, ModelError
from studio.model_files.hashes import read_digest
from studio.models import model_store, separate
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here
from tests.families import makers, partfiles, tiny

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture(scope="module")
def flux(tmp_path_factory) -> Path:
    """ComfyUI's folders with a FLUX.1 in four files, and beside them the settings of one."""
    home, pipeline = tmp_path_factory.mktemp("comfy"), tiny.flux1()
    files = partfiles.write(pipeline, home / "files")
    for name, place in {"vae": "vae/ae", "text_encoder": "clip/first", "text_encoder_2": "text_encoders/t5"}.items():
        (home / "models" / place).parent.mkdir(parents=True)
        files[name].rename(home / "models" / f"{place}.safetensors")
    (home / "models" / "unet").mkdir()
    made = {name: each.contiguous() for name, each in makers.tensors("flux1", pipeline.transformer).items()}
    save_file(made, home / "models" / "unet" / "dev.safetensors")
    pipeline.save_pretrained(home / "whole")
    shutil.copytree(home / "whole", home / "settings", ignore=shutil.ignore_patterns("*.safetensors"))
    return home


@pytest.fixture
def comfy(flux, tmp_path) -> Path:
    return Path(shutil.copytree(flux, tmp_path / "comfy"))


def files(comfy: Path) -> dict[str, Path]:
    return {file.stem: file for file in comfy.glob("models/*/*.safetensors")}


def add(comfy: Path, **given):
    return model_store.add(
        here.models(), comfy / "models" / "unet" / "dev.safetensors", base=str(comfy / "settings"), **given
    )


def test_what_lies_in_comfyuis_folders_is_found_by_its_tensors(comfy):
    for n, file in enumerate(comfy.glob("models/[ct]*/*.safetensors")):
        file.rename(file.with_name(f"{n}.safetensors"))
    card = add(comfy)
    there = files(comfy)
    assert card.lacks() == []
    assert set(card.placed()) == {"vae", "text_encoder", "text_encoder_2"}
    assert set(card.placed().values()) == set(there.values()) - {there["dev"]}


def test_files_that_are_named_are_taken_whatever_they_are_called(comfy, tmp_path):
    there = files(comfy)
    vae = shutil.copy(there["ae"], tmp_path / "t5xxl.safetensors")
    card = add(comfy, vae=Path(vae), encoders=[there["t5"], there["first"]])
    assert card.placed() == {"vae": Path(vae), "text_encoder": there["first"], "text_encoder_2": there["t5"]}


def test_where_several_fit_they_are_named_and_nothing_is_added(comfy):
    other = shutil.copy(files(comfy)["t5"], comfy / "models" / "clip" / "other.safetensors")
    with pytest.raises(InputError, match=r"text encoder 2 may be '.*other.*' or '.*t5.*'; choose with --text-enc"):
        add(comfy)
    assert "dev" not in here.models().names()
    assert add(comfy, encoders=[Path(other)]).placed()["text_encoder_2"] == Path(other)


def test_what_is_missing_is_named_with_how_to_give_it(comfy):
    shutil.rmtree(comfy / "models" / "vae")
    files(comfy)["t5"].unlink()
    card = add(comfy)
    assert card.lacks() == ["VAE", "text encoder 2"]


@pytest.mark.parametrize(("given", "says"), [
    ({"vae": "first"}, "first.safetensors' is a text encoder, not a VAE; give it with --text-encoder"),
    ({"encoders": ["ae"]}, "ae.safetensors' is a VAE, not a text encoder; give it with --vae"),
    ({"vae": "dev"}, "dev.safetensors' is neither a VAE nor a text encoder"),
    ({"encoders": ["first", "again"]}, "again.safetensors' and '.*first.safetensors' are both the text encoder"),
])  # fmt: skip
def test_what_a_file_is_not_is_said(comfy, given, says):
    shutil.copy(files(comfy)["first"], comfy / "again.safetensors")
    there = files(comfy) | {"again": comfy / "again.safetensors"}
    named = {key: there[one] if isinstance(one, str) else [there[each] for each in one] for key, one in given.items()}
    with pytest.raises((InputError, ModelError), match=says):
        add(comfy, **named)


def test_an_encoder_of_another_model_is_no_part_of_this_one(comfy, tmp_path):
    files_of_sd3 = partfiles.write(tiny.sd3(), tmp_path / "sd3")
    with pytest.raises(ModelError, match=r"a text encoder, does not fit this model by its size; its parts: text enc"):
        add(comfy, encoders=[files_of_sd3["text_encoder_3"]])


def test_an_encoder_with_more_layers_is_no_part_of_it(comfy):
    first = files(comfy)["first"]
    more = {name.replace("layers.1", "layers.2"): each for name, each in load_file(first).items()}
    save_file(load_file(first) | more, first)
    assert add(comfy).lacks() == ["text encoder"]


def test_all_files_are_pinned_and_a_changed_one_is_noticed(comfy, state):
    card = add(comfy)
    there = files(comfy)
    pins = json.loads((state / "models.json").read_text())["models"]["dev"]["pins"]
    right = {"": "dev", "ae.safetensors": "ae", "first.safetensors": "first", "t5.safetensors": "t5"}
    assert {name: pins[name][0] for name in right} == {name: read_digest(there[stem]) for name, stem in right.items()}
    assert pins["vae/config.json"][0] == read_digest(comfy / "settings" / "vae" / "config.json")
    assert card.hashes() == {name: pin[0] for name, pin in pins.items()}
    job = Job.of(Workflow.load("text-to-image"), {"prompt": "a circle", "model": "dev"})
    tensors = load_file(there["ae"])
    save_file({name: each * 2 for name, each in tensors.items()}, there["ae"])
    for use in (card.sha256, card.check, lambda: here.card("dev"), lambda: here.resolved(job)):
        with pytest.raises(ModelError, match="'dev' is not as it was added: '.*ae.safetensors' has changed"):
            use()
    assert len(model_store.verify(here.models(), "dev")) == 1
    there["ae"].unlink()
    with pytest.raises(ModelError, match=r"ae.safetensors' is missing"):
        here.card("dev")


def test_a_changed_file_of_a_base_is_noticed_too(comfy):
    shutil.rmtree(comfy / "models" / "vae")
    card = model_store.add(here.models(), comfy / "models" / "unet" / "dev.safetensors", base=str(comfy / "whole"))
    assert "vae/diffusion_pytorch_model.safetensors" in card.hashes()
    assert not [name for name in card.hashes() if name.startswith("transformer/") and name.endswith(".safetensors")]
    file = comfy / "whole" / "vae" / "diffusion_pytorch_model.safetensors"
    save_file({name: each * 2 for name, each in load_file(file).items()}, file, {"format": "pt"})
    with pytest.raises(ModelError, match="'dev' is not as it was added: '.*whole/vae/diff.* has changed"):
        here.card("dev")


def test_a_model_of_other_parts_is_another_model(comfy):
    one = add(comfy).sha256()
    model_store.remove(here.models(), "dev")
    ae = files(comfy)["ae"]
    save_file({name: each * 2 for name, each in load_file(ae).items()}, ae)
    assert add(comfy).sha256() != one


def test_a_file_in_a_folder_that_is_used_in_place_may_be_added_by_its_own_name(comfy):
    model_store.add_folder(here.models(), comfy)
    assert here.card("dev").lacks() == ["VAE", "text encoder"]
    card = add(comfy)
    assert (card.name, card.lacks()) == ("dev", [])
    assert here.card("dev").placed() == card.placed()


def test_parts_stay_when_the_base_is_given_later(comfy):
    there = files(comfy)
    plain = Path(shutil.move(there["dev"], comfy / "dev.safetensors"))
    card = model_store.add(here.models(), plain, vae=there["ae"], encoders=[there["first"], there["t5"]])
    assert (card.lacks(), card.base) == ([], None)
    card = model_store.add(here.models(), plain, base=str(comfy / "settings"))
    assert set(card.placed()) == {"vae", "text_encoder", "text_encoder_2"}


def test_parts_called_alike_are_told_apart_by_their_folders(comfy):
    there = files(comfy)
    for stem in ("first", "t5"):
        (comfy / stem).mkdir()
        there[stem].rename(comfy / stem / "model.safetensors")
    card = add(comfy, encoders=[comfy / "first" / "model.safetensors", comfy / "t5" / "model.safetensors"])
    assert {"first/model.safetensors", "t5/model.safetensors"} <= card.hashes().keys()


def test_a_folder_takes_no_parts(comfy):
    with pytest.raises(InputError, match="whole' is a folder with parts of its own"):
        model_store.add(here.models(), comfy / "whole", vae=files(comfy)["ae"])


def test_a_part_as_gguf_is_refused_by_name(tmp_path, comfy):
    pytest.importorskip("gguf")
    t5 = makers.write_gguf(load_file(files(comfy)["t5"]), tmp_path / "t5.gguf", "F16")
    with pytest.raises(ModelError, match=r"t5.gguf' is a text encoder as GGUF; give it as safetensors"):
        separate.kind(t5)
