"""LoRAs merged into checkpoints: what is written is what is worn, and all else is as it was."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.config import shipped
from studio.errors import InputError, ModelError
from studio.families import flux1
from studio.lora.library.hashes import Digests
from studio.lora.tools.checkpoint_merge import merge
from studio.model_files.hash_cache import HashCache
from studio.models import folder
from studio.models.card import ModelCard
from studio.prompts.lora import Lora
from tests import here
from tests.diffusion import small
from tests.diffusion.checkpoints import draw, metadata, silent, spark, tensors
from tests.families import tiny
from tests.lora import files, lorafiles
from tests.models import original
from tests.models import small as whole

SPARK = ModelCard.read(shipped("assets") / "spark")


def pipeline_of(card):
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(card.path, safety_checker=None)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("merging")


@pytest.fixture(scope="module")
def neon(home):
    """A plain LoRA of every fourth module of Spark, and what it does."""
    return lorafiles.file(home / "neon.safetensors", pipeline_of(SPARK), lorafiles.lora, size=0.15, every=4)


@pytest.fixture(scope="module")
def paper(home):
    """A DoRA of every fifth, which depends on the weights."""
    return lorafiles.file(home / "paper.safetensors", pipeline_of(SPARK), lorafiles.dora_out, size=0.1, every=5, seed=2)


@pytest.fixture(scope="module")
def base(home):
    return spark(home)


@pytest.fixture(scope="module")
def merged(home, base, neon, paper):
    asked = [Lora(neon[0], 0.8), Lora(paper[0], 0.5)]
    merge(base, asked, here.library().loras, home / "merged", silent)
    return ModelCard.read(home / "merged")


FILES = {"unet": "unet/diffusion_pytorch_model.safetensors", "text_encoder": "text_encoder/model.safetensors"}


def by_hand(own, *changes):
    """A weight after changes, each reckoned from the own one, in float64."""
    own = own.double().numpy()
    return own + sum(lorafiles.merged(of, own, strength) - own for of, strength in changes)


def test_each_weight_is_what_merging_by_hand_makes_of_it_and_all_else_is_as_it_was(merged, base, neon, paper):
    before, after = tensors(base.path), tensors(merged.path)
    assert before.keys() == after.keys()
    asked: dict = {}
    for changes, strength in ((neon[1], 0.8), (paper[1], 0.5)):
        for key, of in changes.items():
            asked.setdefault(key, []).append((of, strength))
    for (part, module), changes in asked.items():
        name = f"{FILES[part]}/{module}.weight"
        expected = by_hand(before.pop(name), *changes)
        assert np.abs(after[name].double().numpy() - expected).max() < 1e-6 * max(1, np.abs(expected).max())
    assert all(torch.equal(own, after[name]) for name, own in before.items())


def test_the_picture_is_that_of_the_worn_ones(merged, base, neon, paper):
    worn = draw(base, f"{neon[0]}:0.8", f"{paper[0]}:0.5")
    assert small.difference(draw(merged), worn) <= 1
    assert small.difference(worn, draw(base)) > 20


def test_it_says_what_it_was_made_from(merged, base):
    told = metadata(merged.path / FILES["unet"])
    assert told["modelspec.merged_from"] == "spark32, neon:0.8, paper:0.5"
    assert told["modelspec.license"] == "apache-2.0 (spark32); unknown (neon); unknown (paper)"
    assert told["modelspec.hash_sha256"] == f"0x{Digests.of(merged.path / FILES['unet'], HashCache()).tensors}"
    made_from = json.loads(told["studio.made_from"])
    assert [(source["name"], source["weight"]) for source in made_from] == [
        ("spark32", ""),
        ("neon", "0.8"),
        ("paper", "0.5"),
    ]
    assert made_from[0]["sha256"] == base.sha256()
    assert merged.licence == told["modelspec.license"]
    assert (merged.defaults.steps, merged.defaults.guidance) == (base.defaults.steps, base.defaults.guidance)
    assert (merged.path / "BASE.md").read_bytes() == (base.path / "README.md").read_bytes()
    assert metadata(merged.path / "vae/diffusion_pytorch_model.safetensors").keys() <= {"format"}


def test_shards_in_half_precision_stay_so(neon, tmp_path):
    pipeline = pipeline_of(SPARK).to(torch.float16)
    pipeline.save_pretrained(tmp_path / "half", max_shard_size="8MB")
    pipeline.unet.save_pretrained(tmp_path / "half/unet", variant="fp32")
    assert len(folder.weight_files(tmp_path / "half/unet")) > 1
    done = merge(
        ModelCard.read(tmp_path / "half"), [Lora(neon[0], 0.8, text=0)], here.library().loras, tmp_path / "new", silent
    )
    assert done.left == ("unet/diffusion_pytorch_model.fp32.safetensors",)
    before, after = tensors(tmp_path / "half"), tensors(tmp_path / "new")
    (stale,) = {name.rpartition("/")[0] for name in before} - {name.rpartition("/")[0] for name in after}
    assert stale == done.left[0]
    changed = {name.rpartition("/")[2] for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert changed == {f"{module}.weight" for part, module in neon[1] if part == "unet"}
    for name, tensor in after.items():
        if (key := ("unet", name.rpartition("/")[2].removesuffix(".weight"))) in neon[1] and name.startswith("unet"):
            expected = by_hand(before[name], (neon[1][key], 0.8))
            assert tensor.dtype == torch.float16
            assert np.abs(tensor.double().numpy() - expected).max() <= 2**-10 * np.abs(expected).max()


@pytest.mark.parametrize("build", [whole.sd1, whole.sd2, whole.sdxl])
def test_a_single_file_keeps_its_makers_names(build, tmp_path):
    """Of SD2 and XL the text encoder has query, key and value in one."""
    pipeline = build()
    extra = {"model.diffusion_model.label_emb.0.0.weight": torch.zeros(128, 2816)} if build is whole.sdxl else {}
    source = original.write(pipeline, tmp_path / "model.safetensors", extra=extra, metadata={"modelspec.title": "Mine"})
    parts = ("unet", "text_encoder", "text_encoder_2")
    lora, changes = lorafiles.file(tmp_path / "a.safetensors", pipeline, lorafiles.lora, components=parts, every=5)
    changes.pop(("unet", "add_embedding.linear_1"), None)
    before = source.read_bytes()
    card = ModelCard.read(source)
    done = merge(card, [Lora(lora, 0.5)], here.library().loras, tmp_path / "new.safetensors", silent)
    assert done.changed == len(changes)
    with torch.no_grad():
        for (part, module), of in changes.items():
            weight = getattr(pipeline, part).get_submodule(module).weight
            weight.copy_(torch.from_numpy(by_hand(weight, (of, 0.5))))
    expected = load_file(original.write(pipeline, tmp_path / "by-hand.safetensors", extra=extra))
    found = load_file(tmp_path / "new.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], value, atol=1e-5) for name, value in expected.items())
    assert source.read_bytes() == before
    assert metadata(tmp_path / "new.safetensors")["modelspec.title"] == "new"
    assert ModelCard.read(tmp_path / "new.safetensors").family.name == card.family.name


def test_halves_that_lie_the_other_way_round_and_what_is_fused(tmp_path):
    pipeline = tiny.flux1()
    names = flux1.FAMILY.detection.state_dict_keys
    state = pipeline.transformer.state_dict()
    theirs = {
        name: torch.zeros(shape) for name, shape in files.makers(files.shapes(pipeline.transformer), names).items()
    }
    save_file(theirs, tmp_path / "x.safetensors")
    pipeline.save_pretrained(tmp_path / "base")
    ones = {}
    for module in ("norm_out.linear", "transformer_blocks.0.attn.to_k"):
        out, ins = state[f"{module}.weight"].shape
        ones[f"transformer.{module}.lora_A.weight"] = torch.ones(1, ins)
        ones[f"transformer.{module}.lora_B.weight"] = torch.ones(out, 1)
    half = len(ones["transformer.norm_out.linear.lora_B.weight"]) // 2
    ones["transformer.norm_out.linear.lora_B.weight"][:half] = 3
    save_file(ones, tmp_path / "a.safetensors")
    card = ModelCard.read(tmp_path / "x.safetensors", tmp_path / "base")
    merge(card, [Lora(str(tmp_path / "a.safetensors"))], here.library().loras, tmp_path / "new.safetensors", silent)
    found = load_file(tmp_path / "new.safetensors")
    last, qkv = found["final_layer.adaLN_modulation.1.weight"], found["double_blocks.0.img_attn.qkv.weight"]
    assert (float(last[:half].mean()), float(last[half:].mean())) == (1, 3)
    assert [float(part.mean()) for part in qkv.chunk(3)] == [0, 1, 0]
    assert sum(bool(tensor.any()) for tensor in found.values()) == 2


def test_a_file_without_text_encoder_says_so(tmp_path):
    source = whole.sd1()
    file = original.write(source, tmp_path / "bare.safetensors", without=("text", "vae"))
    whole.folder(source, tmp_path / "base")
    lora, _ = lorafiles.file(tmp_path / "a.safetensors", source, lorafiles.lora, every=9)
    card = ModelCard.read(file, tmp_path / "base")
    with pytest.raises(
        InputError, match="'bare.safetensors' has no text encoder, which the LoRAs change; leave .*text=0"
    ):
        merge(card, [Lora(lora)], here.library().loras, tmp_path / "new.safetensors", silent)
    assert merge(card, [Lora(lora, text=0)], here.library().loras, tmp_path / "new.safetensors", silent).changed


def test_nothing_is_left_of_one_that_was_stopped(neon, tmp_path):
    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge(SPARK, [Lora(neon[0])], here.library().loras, tmp_path / "new", stop)
    assert not list(tmp_path.iterdir())


def test_rounded_weights_and_too_strong_ones_are_refused(tmp_path):
    pipeline = whole.sd1()
    lora, _ = lorafiles.file(tmp_path / "a.safetensors", pipeline, lorafiles.lora, components=("unet",), every=9)
    rounded = original.write(pipeline, tmp_path / "fp8.safetensors", dtype=torch.float8_e4m3fn)
    with pytest.raises(ModelError, match="rounded to F8_E4M3, so LoRAs cannot be merged into it"):
        merge(ModelCard.read(rounded), [Lora(lora)], here.library().loras, tmp_path / "new.safetensors", silent)
    half = original.write(pipeline, tmp_path / "half.safetensors", dtype=torch.float16)
    big, _ = lorafiles.file(tmp_path / "b.safetensors", pipeline, lorafiles.full, components=("unet",), every=9, size=1)
    strong = {name: 1e6 * tensor for name, tensor in load_file(big).items()}
    save_file(strong, tmp_path / "c.safetensors")
    with pytest.raises(ModelError, match="not be a number in the model's dtype; lower the weights"):
        merge(
            ModelCard.read(half),
            [Lora(str(tmp_path / "c.safetensors"))],
            here.library().loras,
            tmp_path / "new.safetensors",
            silent,
        )
    assert not (tmp_path / "new.safetensors").exists()


@pytest.mark.parametrize(
    ("asked", "out", "message"),
    [
        ({"start": 0.2}, "new", "acts in some steps only"),
        ({"weight": 0.0}, "new", "change nothing"),
        ({"blocks": (("nowhere", 1.0),)}, "new", "changes nothing in 'nowhere'"),
        ({}, "", "is there already; nothing was written"),
    ],
)
def test_what_cannot_be_merged(asked, out, message, neon, tmp_path):
    with pytest.raises(InputError, match=message):
        merge(SPARK, [Lora(**{"part": neon[0], **asked})], here.library().loras, tmp_path / out, silent)
    assert not list(tmp_path.iterdir())
