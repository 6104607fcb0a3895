"""Several LoRAs in one, and LoRAs of another rank, against the best there is by an SVD of their sum in float64."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from studio.errors import InputError
from studio.lora.formats.file import LoraFile
from studio.lora.formats.fit import fit
from studio.lora.tools.lora_merge import merge_loras, resize
from studio.lora.tools.svd import RankLimit
from studio.models.parameter_index import parameters
from studio.prompts.lora import Lora
from tests import here
from tests.diffusion import small
from tests.diffusion.checkpoints import draw, is_whole, metadata, silent, spark
from tests.lora import lorafiles

RANK = 3


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("summing")


@pytest.fixture(scope="module")
def base(home):
    return spark(home)


@pytest.fixture(scope="module")
def pipeline(base):
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(base.path, safety_checker=None)


@pytest.fixture(scope="module")
def make(home, pipeline):
    def made(name, form, **how):
        return lorafiles.file(home / f"{name}.safetensors", pipeline, form, **{"size": 0.15, "every": 5, **how})

    return made


@pytest.fixture(scope="module")
def neon(make):
    return make("neon", lorafiles.lora)


@pytest.fixture(scope="module")
def paper(make):
    """One with cores where there are kernels, of other modules too."""
    return make("paper", lorafiles.locon, every=3, seed=2)


def difference(pipeline, key, *asked):
    """What a module's weight gains, in float64, flat."""
    own = getattr(pipeline, key[0]).get_submodule(key[1]).weight.detach().double().numpy()
    gained = (
        strength * (lorafiles.merged(changes[key], own, 1) - own) for changes, strength in asked if key in changes
    )
    return sum(gained).reshape(len(own), -1)


def products(path):
    """By target, what a file's factors make; in float64."""
    file, tensors = LoraFile.read(path), load_file(path)
    flat = {name: tensor.double().flatten(1).numpy() for name, tensor in tensors.items() if tensor.ndim}
    return {
        layer.target: layer.scale * flat[layer.tensors["up"]] @ flat[layer.tensors["down"]] for layer in file.layers
    }


def least(matrix, rank):
    values = np.linalg.svd(matrix, compute_uv=False)
    return np.sqrt((values[rank:] ** 2).sum()), np.linalg.norm(matrix)


def check(base, pipeline, path, asked, rank=RANK):
    """Each product is as near to the sum as a product of the rank can be, to what single precision can write."""
    made, file = products(path), LoraFile.read(path)
    places = {each.layer.target: each.locations[0] for each in fit(file, parameters(base), base.family).matched}
    found = {(places[target].component, places[target].module): product for target, product in made.items()}
    keys = {key for changes, _ in asked for key in changes}
    assert {*found} == keys
    for key in keys:
        gained = difference(pipeline, key, *asked)
        error, size = least(gained, rank)
        assert np.linalg.norm(found[key] - gained) <= error * (1 + 1e-6) + 1e-6 * size, key


def test_the_sum_is_as_near_as_the_rank_allows(home, base, pipeline, neon, paper):
    asked = [Lora(neon[0], 0.8), Lora(paper[0], -0.5)]
    done = merge_loras(asked, here.library().loras, RankLimit(RANK), home / "both.safetensors", silent)
    check(base, pipeline, home / "both.safetensors", [(neon[1], 0.8), (paper[1], -0.5)])
    assert is_whole(home / "both.safetensors", base)
    assert (done.factored, done.whole, max(done.ranks)) == (len({*neon[1], *paper[1]}), 0, RANK)
    gained = [difference(pipeline, key, (neon[1], 0.8), (paper[1], -0.5)) for key in {*neon[1], *paper[1]}]
    lost, all_of_it = (sum(least(each, RANK)[n] ** 2 for each in gained) for n in (0, 1))
    assert done.kept == pytest.approx(1 - lost / all_of_it, rel=1e-6)
    told = metadata(home / "both.safetensors")
    assert (told["modelspec.title"], told["modelspec.merged_from"]) == ("both", "neon:0.8, paper:-0.5")
    assert [source["name"] for source in json.loads(told["studio.made_from"])] == ["neon", "paper"]


def test_all_of_the_sum_draws_the_same(home, base, neon, paper):
    asked = [Lora(neon[0], 0.8), Lora(paper[0], 0.5, text=0.2)]
    merge_loras(asked, here.library().loras, RankLimit(64), home / "all.safetensors", silent)
    worn = draw(base, *map(str, asked))
    assert small.difference(draw(base, str(home / "all.safetensors")), worn) <= 1
    assert small.difference(worn, draw(base)) > 20


def test_forms_that_depend_on_the_weights_take_a_model(home, base, pipeline, make, neon):
    dora, oft = make("dora", lorafiles.dora_out, seed=3), make("oft", lorafiles.oft, seed=4, every=7)
    for strange, name in ((dora, "DoRA"), (oft, "OFT")):
        with pytest.raises(InputError, match=rf"is {name} \(\d+\): what that changes depends on the model.*--model"):
            merge_loras(
                [Lora(neon[0]), Lora(strange[0])],
                here.library().loras,
                RankLimit(RANK),
                home / "no.safetensors",
                silent,
            )
    asked = [Lora(neon[0], 0.5), Lora(dora[0], 0.5), Lora(oft[0], 0.3)]
    merge_loras(asked, here.library().loras, RankLimit(RANK), home / "three.safetensors", silent, base)
    check(base, pipeline, home / "three.safetensors", [(neon[1], 0.5), (dora[1], 0.5), (oft[1], 0.3)])
    assert is_whole(home / "three.safetensors", base)
    assert metadata(home / "three.safetensors")["modelspec.architecture"] == "sd1/lora"


def test_whole_differences_add_up_and_stay_whole(home, base, neon):
    first, second = torch.full((48,), 0.25), torch.full((48,), 0.5)
    names = ("lora_unet_conv_norm_out.w_norm", "lora_unet_conv_norm_out.b_norm", "lora_unet_conv_in.diff_b")
    paths = [lorafiles.written(home / f"norms{n}.safetensors", dict.fromkeys(names, values))
             for n, values in enumerate((first, second))]  # fmt: skip
    done = merge_loras(
        [Lora(path, 2) for path in paths], here.library().loras, RankLimit(RANK), home / "norms.safetensors", silent
    )
    found = load_file(home / "norms.safetensors")
    assert (done.factored, done.whole, {*found}) == (0, 3, {*names})
    assert all(torch.equal(tensor, torch.full((48,), 1.5)) for tensor in found.values())


def test_files_that_name_modules_in_two_ways_take_a_model(home, base, pipeline, neon):
    module = next(module for part, module in neon[1] if part == "unet" and module.endswith("to_q"))
    random = np.random.default_rng(5)
    out, ins = pipeline.unet.get_submodule(module).weight.shape
    up, down = 0.1 * random.standard_normal((out, 2)), random.standard_normal((2, ins))
    of = {"lora_up.weight": up, "lora_down.weight": down}
    theirs = {f"unet.{module}.lora_B.weight": up, f"unet.{module}.lora_A.weight": down}
    other = lorafiles.written(home / "peft.safetensors", theirs)
    with pytest.raises(InputError, match="has none of the modules that the others have; give the model"):
        merge_loras(
            [Lora(neon[0]), Lora(other)], here.library().loras, RankLimit(RANK), home / "no.safetensors", silent
        )
    merge_loras(
        [Lora(neon[0]), Lora(other)], here.library().loras, RankLimit(RANK), home / "ways.safetensors", silent, base
    )
    check(base, pipeline, home / "ways.safetensors", [(neon[1], 1), ({("unet", module): lorafiles.as_float32(of)}, 1)])


@pytest.mark.parametrize("which", ["neon", "paper"])
def test_resized(which, home, pipeline, base, request):
    path, changes = request.getfixturevalue(which)
    out = home / f"small-{which}.safetensors"
    resize(Path(path), here.library().loras, RankLimit(2), out, silent)
    check(base, pipeline, out, [(changes, 1)], 2)
    assert is_whole(out, base)
    assert {*load_file(out)} == {name for name in load_file(path) if not name.endswith((".alpha", "lora_mid.weight"))}


def test_resized_to_what_it_was_nothing_is_seen(home, base, neon):
    resize(Path(neon[0]), here.library().loras, RankLimit(8), home / "same.safetensors", silent)
    assert small.difference(draw(base, str(home / "same.safetensors")), draw(base, neon[0])) <= 1


def test_resized_by_energy_each_module_has_the_rank_it_takes(home, neon):
    done = resize(Path(neon[0]), here.library().loras, RankLimit(keep=0.9), home / "dynamic.safetensors", silent)
    assert len({*done.ranks}) > 2
    assert 0.9 <= done.least[1] <= done.kept < 1
    before, after = products(Path(neon[0])), products(home / "dynamic.safetensors")
    for (target, whole), rank in zip(before.items(), done.ranks, strict=True):
        assert np.linalg.norm(after[target] - whole) <= least(whole, rank)[0] * (1 + 1e-6) + 1e-6 * np.linalg.norm(
            whole
        )
        assert least(whole, rank)[0] ** 2 <= 0.1 * np.linalg.norm(whole) ** 2 + 1e-9


def test_a_resized_file_keeps_what_it_said_but_what_is_no_longer_true(home, neon):
    said = {"ss_network_dim": "8", "sshs_model_hash": "1" * 64, "ss_base_model_version": "sd_v1"}
    said |= {"modelspec.title": "Neon", "modelspec.license": "cc0-1.0"}
    path = lorafiles.written(home / "said.safetensors", load_file(neon[0]), **said)
    resize(Path(path), here.library().loras, RankLimit(2), home / "resaid.safetensors", silent)
    told = metadata(home / "resaid.safetensors")
    assert (told["modelspec.title"], told["modelspec.license"]) == ("Neon", "cc0-1.0")
    assert told["modelspec.merged_from"] == "said"
    assert not {"ss_network_dim", "sshs_model_hash"} & told.keys()


def test_half_precision_stays(home, neon):
    from safetensors.torch import save_file

    save_file({name: tensor.half() for name, tensor in load_file(neon[0]).items()}, home / "half.safetensors")
    resize(home / "half.safetensors", here.library().loras, RankLimit(2), home / "half2.safetensors", silent)
    assert {tensor.dtype for tensor in load_file(home / "half2.safetensors").values()} == {torch.float16}


def test_names_that_cannot_be_written(home, neon):
    for out, message in ((home / "neon.safetensors", "is there already"), (home / "x.pt", "ends in .safetensors")):
        with pytest.raises(InputError, match=message):
            resize(Path(neon[0]), here.library().loras, RankLimit(2), out, silent)


def test_words_that_were_learned_along_do_not_come_along_and_are_named(home, neon, paper):
    from safetensors.torch import save_file

    spoken, choice = home / "spoken.safetensors", RankLimit(RANK)
    small, both, silence = (home / f"unspoken-{n}.safetensors" for n in range(3))
    save_file(load_file(neon[0]) | {"bundle_emb.xyzzy.string_to_param.*": torch.ones(2, 160)}, spoken)
    assert resize(spoken, here.library().loras, choice, small, silent).words == ("xyzzy",)
    assert merge_loras([Lora(str(spoken)), Lora(str(paper[0]))], here.library().loras, choice, both, silent).words == (
        "xyzzy",
    )
    assert resize(Path(neon[0]), here.library().loras, choice, silence, silent).words == ()
    assert not any("xyzzy" in key for path in (small, both) for key in load_file(path))
