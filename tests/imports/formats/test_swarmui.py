"""What SwarmUI wrote, tags in its prompts and all."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError
from studio.imports.formats.swarmui import read
from studio.imports.imported_settings import Asset
from studio.imports.metadata_extract import EmbeddedMetadata, extract_metadata
from studio.prompts import grammar, wildcards
from tests.imports.formats.trials import accounted, fits, hostile, lossless

PARAMS = {
    "prompt": "a (cat:1.2) in [art] <segment:face,0.6,0.5//cid=11> a smiling face", "negativeprompt": "blurry",
    "model": "OfficialStableDiffusion/sd_xl_base_1.0", "seed": 1, "steps": "20", "cfgscale": "7.0",
    "aspectratio": "1:1",
    "width": 1024, "height": 768, "sampler": "dpmpp_2m", "scheduler": "karras", "automaticvae": True,
    "loras": ["style/ink", "face"], "loraweights": "0.8,1", "loratencweights": "0.5,1",
    "lorasectionconfinement": ["-1", "11"],
    "vae": "sdxl_vae", "clipstopatlayer": -2, "variationseed": 5, "variationseedstrength": 0.2, "freeublockone": 1.1,
    "swarm_version": "0.9.3.1",
}  # fmt: skip
WHOLE = {
    "sui_image_params": PARAMS,
    "sui_extra_data": {"date": "2025-01-25", "generation_time": "4.84 sec", "original_prompt": "a <random:cat|dog>"},
    "sui_models": [{"name": "OfficialStableDiffusion/sd_xl_base_1.0.safetensors", "param": "model",
    "hash": "0x" + "AB" * 32},
                   {"name": "style/ink.safetensors", "param": "loras", "hash": "0x" + "cd" * 32},
                   {"name": "face.safetensors", "param": "loras", "hash": None}],
}  # fmt: skip


def _said(**params):
    return read(EmbeddedMetadata({"parameters": json.dumps({"sui_image_params": {"prompt": "a", **params}})}))


def test_a_picture(tmp_path):
    info = PngInfo()
    info.add_text("parameters", json.dumps(WHOLE, indent=2))
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png", pnginfo=info)
    foreign = read(extract_metadata(tmp_path / "a.png"))
    assert foreign.values == {
        "prompt": r"a (cat:1.2) in \[art\]", "negative_prompt": "blurry", "steps": 20, "seed": 1, "guidance": 7.0,
        "sampler": "DPM++ 2M Karras", "size": "1024x768",
    }  # fmt: skip
    assert foreign.assets == (
        Asset("model", "OfficialStableDiffusion/sd_xl_base_1.0", ("ab" * 32,)),
        Asset("vae", "sdxl_vae"),
        Asset("lora", "style/ink", ("cd" * 32,), 0.8, 0.5),
    )
    placed = {"prompt": "prompt", "negativeprompt": "negative_prompt", "model": "model", "seed": "seed",
              "steps": "steps",
              "cfgscale": "guidance", "width": "size", "height": "size", "sampler": "sampler", "scheduler": "sampler",
              "loras": "lora", "loraweights": "lora", "loratencweights": "lora",
              "lorasectionconfinement": "lora", "vae": "vae",
              "clipstopatlayer": "clip_skip"}  # fmt: skip
    accounted(foreign, PARAMS | WHOLE["sui_extra_data"], placed)
    left = {item.name: item for item in foreign.skipped}
    assert left["<segment:face,0.6,0.5//cid=11>"].value == "a smiling face"
    assert left["loras"].value == '["face", "1"]'
    fits(foreign)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("a <alternate:cat, dog> x", "a [cat|dog] x"),
        ("a <alt:cat||big dog>", "a [cat|big dog]"),
        ("<fromto[0.5]:cat, dog>", "[cat:dog:0.5]"),
        ("a [cat|dog] and [cat:dog:10]", "a [cat|dog] and [cat:dog:10]"),
        ("a <random:red|navy> star", "a {red|navy} star"),
        ("a <wildcard:animals/big> x", "a __animals/big__ x"),
        ("a dog <break> a cat", "a dog  BREAK  a cat"),
        ("by <embed:folder/myart.pt>", "by myart"),
        ("x <comment:mine> y", "x  y"),
        ("((x:1.2)) AND {a|b}", r"(x:1.2) and \{a|b\}"),
    ],
)
def test_tags_that_have_their_like_here(theirs, ours):
    assert _said(prompt=theirs).values["prompt"] == ours
    grammar.parse(ours)
    assert bool(wildcards.first(ours)) == ("random" in theirs or "wildcard" in theirs)


def test_tags_that_have_none_are_left():
    foreign = _said(prompt="a <trigger> cat <lora:ink:0.7> <lora:../x:1> <param[cfgscale]:3><region:0,0,1,1> sky")
    assert foreign.values["prompt"] == "a  cat"
    assert foreign.assets == (Asset("lora", "ink", (), 0.7), Asset("lora", "../x", (), 1.0))
    assert [item.name for item in foreign.skipped] == ["<trigger>", "<param[cfgscale]:3>", "<region:0,0,1,1>"]
    ranged = _said(prompt="<random:1-3, blue> stars")
    assert "chooses" in ranged.skipped[0].why
    assert _said(prompt="<random:<alt:a,b>|c>").skipped[0].name == "prompt"


def test_second_passes_start_pictures_and_controlnets():
    hires = _said(
        refinerupscale=1.5, refinercontrolpercentage=0.3, refinermethod="PostApply", refinermodel="(Use Base)"
    )
    assert (hires.workflow, hires.values["factor"], hires.values["strength"], hires.skipped) == ("hires", 1.5, 0.3, ())
    assert _said(refinerupscale=4).skipped[0].name == "refinerupscale"
    changed = _said(initimagecreativity="0.45")
    assert (changed.workflow, changed.values["strength"]) == ("image-to-image", 0.45)
    followed = _said(controlnetmodel="canny", controlnetstrength=0.9)
    assert (followed.workflow, followed.values["weight"]) == ("controlnet", 0.9)
    assert followed.assets == (Asset("controlnet", "canny"),)


def test_tiles():
    foreign = _said(seamlesstileable="X-Only")
    assert (foreign.workflow, foreign.values["joins"]) == ("seamless-pattern", "left and right")
    assert _said(seamlesstileable="false").workflow == "text-to-image"
    assert _said(seamlesstileable=["true"]).workflow == "text-to-image"


def test_flux_follows_its_own_guidance():
    foreign = _said(cfgscale=1, fluxguidancescale=2.5)
    assert foreign.values["guidance"] == 2.5
    assert foreign.skipped[0].name == "cfgscale"


def test_no_setting_vanishes():
    lossless(read, lambda said: {"parameters": json.dumps({"sui_image_params": said})}, PARAMS)


def test_files_of_others_and_damaged_ones():
    assert read(EmbeddedMetadata({"parameters": '{"prompt": "a"}'})) is None
    with pytest.raises(InputError, match="SwarmUI"):
        read(EmbeddedMetadata({"parameters": '{"sui_image_params": {"prompt": '}))
    hostile(read, "parameters", WHOLE)
