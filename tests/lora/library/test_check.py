import numpy as np
from safetensors.numpy import save_file

from studio.lora.library.check import LoraCheck
from tests import here
from tests.lora.told import TARGETS, tensors, write


def checked(file):
    return LoraCheck.of(file, here.card("spark"))


def test_all_of_it_fits(tmp_path):
    found = checked(write(tmp_path / "x.safetensors"))
    assert (found.problem, found.applied, found.data()["parts"]) == ("", 3, {"denoiser": 2, "text encoder": 1})


def test_nothing_fits_because_of_sizes(tmp_path):
    found = checked(write(tmp_path / "x.safetensors", targets=dict.fromkeys(TARGETS, (8, 8))))
    assert found.problem == (
        "none of its layers fits spark; its shapes are those of another model: "
        "name the one it was made for with --model"
    )
    assert len(found.data()["misshaped"]) == 3


def test_tensors_nobody_knows_are_a_problem(tmp_path):
    save_file(tensors() | {"lora_unet_x.odd": np.zeros(3)}, tmp_path / "x.safetensors")
    found = checked(tmp_path / "x.safetensors")
    assert found.problem == ("1 of its tensors are in an unknown format and would do nothing; get it in another format")
    assert found.data()["strays"] == ["lora_unet_x.odd"]


def test_alphas_of_zero_are_told(tmp_path):
    of = tensors()
    none = {f"{name.split('.')[0]}.alpha": np.zeros((), "f4") for name in of}
    save_file(of | none, tmp_path / "x.safetensors")
    found = checked(tmp_path / "x.safetensors")
    assert found.problem == "all its alphas are 0, so it changes nothing; get the file as it was trained"
    assert dict(found.lines())["note"] == "3 of its layers have an alpha of 0 and change nothing"
    del none[next(iter(none))]
    save_file(
        {name: each for name, each in of.items() if not name.endswith("alpha")} | none, tmp_path / "y.safetensors"
    )
    assert checked(tmp_path / "y.safetensors").problem == ""


def test_embeddings_that_came_along_are_named(tmp_path):
    save_file(
        tensors() | {"bundle_emb.sparkle.string_to_param.*": np.zeros((2, 160), "f4")}, tmp_path / "x.safetensors"
    )
    lines = dict(checked(tmp_path / "x.safetensors").lines())
    assert lines["parts"] == "denoiser (2), text encoder (1), embedding 'sparkle'"


def test_what_is_there_by_the_hundred_is_cut_for_people_not_for_programs(tmp_path):
    many = {f"lora_unet_nowhere_{n}": (8, 8) for n in range(12)}
    found = checked(write(tmp_path / "x.safetensors", targets=TARGETS | many))
    assert [how for what, how in found.lines() if what == "skipped"][-1] == "… and 7 more, all of them with --json"
    assert len(found.data()["skipped"]) == 12
