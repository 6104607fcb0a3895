"""What stable-diffusion.cpp wrote: the JSON object that ends its A1111 text."""

import html
import json
import re

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError
from studio.imports.formats.sdcpp import read
from studio.imports.imported_settings import Asset
from studio.imports.json_validators import flatten
from studio.imports.metadata_extract import EmbeddedMetadata, extract_metadata
from tests.imports.formats.trials import accounted, fits, hostile, lossless

SAID = {
    "schema": "sdcpp.image.params/v1", "mode": "img_gen",
    "generator": {"name": "stable-diffusion.cpp", "version": "master-1", "commit": "abc"},
    "seed": 42, "width": 512, "height": 768, "prompt": {"positive": "a (cat:1.2), {5|6}", "negative": "dog"},
    "sampling": {
        "steps": 25, "eta": 0.5, "shifted_timestep": 0, "flow_shift": None, "extra_sample_args": "",
        "method": "dpm++2m",
        "scheduler": "karras", "custom_sigmas": [],
        "guidance": {"txt_cfg": 6.5, "img_cfg": None, "distilled_guidance": 3.5,
                     "slg": {"scale": 0.0, "layers": [7, 8, 9], "start": 0.009999999776482582,
                     "end": 0.20000000298023224}},
    },
    "models": {"model": "v1-5.safetensors", "vae": "kl-f8.safetensors", "clip_l": "clip_l.safetensors"},
    "clip_skip": 2, "strength": 0.75, "control_strength": 0.8999999761581421, "ip_adapter_strength": 1.0,
    "auto_resize_ref_image": True, "increase_ref_index": False, "rng": "cuda",
    "loras": [{"name": "ink.safetensors", "multiplier": 0.800000011920929, "is_high_noise": False}],
}  # fmt: skip
PLACED = {
    "seed": "seed", "width": "size", "height": "size", "prompt.positive": "prompt",
    "prompt.negative": "negative_prompt",
    "sampling.steps": "steps", "sampling.method": "sampler", "sampling.scheduler": "sampler",
    "sampling.guidance.txt_cfg": "guidance", "models.model": "model", "models.vae": "vae", "clip_skip": "clip_skip",
    "loras": "lora",
}  # fmt: skip
USUAL = (
    "mode", "schema", "generator.name", "generator.version", "generator.commit", "sampling.shifted_timestep",
    "strength",
    "sampling.guidance.distilled_guidance", "sampling.guidance.slg.scale", "sampling.guidance.slg.layers",
    "sampling.guidance.slg.start", "sampling.guidance.slg.end", "control_strength", "ip_adapter_strength",
    "auto_resize_ref_image",
)  # fmt: skip


def _text(said):
    line = "Steps: 25, CFG scale: 6.500000, Seed: 42, Size: 512x768, Model: v1-5, Version: stable-diffusion.cpp"
    return f"a (cat:1.2)\nNegative prompt: dog\n{line}, SDCPP: {json.dumps(said)}"


def test_a_png(tmp_path):
    info = PngInfo()
    info.add_text("parameters", _text(SAID))
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png", pnginfo=info)
    foreign = read(extract_metadata(tmp_path / "a.png"))
    assert foreign.values == {
        "prompt": r"a (cat:1.2), \{5|6\}", "negative_prompt": "dog", "steps": 25, "guidance": 6.5, "seed": 42,
        "sampler": "DPM++ 2M Karras", "size": "512x768",
    }  # fmt: skip
    assert foreign.assets == (
        Asset("model", "v1-5.safetensors"),
        Asset("vae", "kl-f8.safetensors"),
        Asset("lora", "ink.safetensors", (), 0.8),
    )
    accounted(foreign, {name: value for name, value in flatten(SAID) if name not in USUAL}, PLACED)
    assert {item.name for item in foreign.skipped} == {"models.clip_l", "rng", "sampling.eta"}
    fits(foreign)


def test_xmp_of_webp_and_the_comment_of_jpeg():
    packet = f"<x:xmpmeta><sdcpp:parameters>{html.escape(_text(SAID))}</sdcpp:parameters></x:xmpmeta>"
    assert read(EmbeddedMetadata({"xmp": packet})).values == read(EmbeddedMetadata({"comment": _text(SAID)})).values
    assert read(EmbeddedMetadata({"json": json.dumps(SAID)})).values["seed"] == 42


def test_second_passes_controlnets_and_flux():
    hires = {
        "enabled": True,
        "upscaler": "Latent",
        "scale": 1.5,
        "denoising_strength": 0.7,
        "steps": 0,
        "target_width": 0,
    }
    foreign = read(EmbeddedMetadata({"parameters": _text(SAID | {"hires": hires})}))
    assert (foreign.workflow, foreign.values["factor"], foreign.values["strength"]) == ("hires", 1.5, 0.7)
    models = {"diffusion_model": "flux1-dev-q4.gguf", "t5xxl": "t5.gguf", "control_net": "canny.safetensors"}
    flux = SAID | {"models": models, "clip_skip": -1}
    flux["sampling"] = SAID["sampling"] | {"method": "euler", "scheduler": "simple",
                                           "guidance": {"txt_cfg": 1.0, "distilled_guidance": 2.0}}  # fmt: skip
    foreign = read(EmbeddedMetadata({"parameters": _text(flux)}))
    assert foreign.workflow == "controlnet"
    assert foreign.values["guidance"] == 2.0
    assert foreign.clip_skip == {}
    assert foreign.assets[:2] == (Asset("model", "flux1-dev-q4.gguf"), Asset("controlnet", "canny.safetensors"))


OLD = (
    "a lovely cat\nNegative prompt: dog\nSteps: 4, CFG scale: 1.000000, Guidance: 3.500000, Eta: 0.000000, Seed: 42, "
    "Size: 512x768, Model: , RNG: cuda, Sampler: euler discrete, Version: stable-diffusion.cpp"
)


def _old(**changed):
    """The text of a version without the JSON object, with other values: ``Sampler="euler_a karras"``."""
    text = OLD
    for key, value in changed.items():
        pair = f"{key.replace('_', ' ')}: {value}"
        found = re.search(rf"{key.replace('_', ' ')}: [^,]*", text)
        text = text.replace(found[0], pair) if found else f"{text}, {pair}"
    return read(EmbeddedMetadata({"parameters": text}))


def test_the_text_of_older_versions_says_the_same():
    foreign = _old(Unet="flux-2-klein-4b.safetensors", TE="qwen_3_4b.safetensors", VAE="flux2_ae.safetensors")
    assert foreign.assets == (Asset("model", "flux-2-klein-4b.safetensors"), Asset("vae", "flux2_ae.safetensors"))
    assert foreign.values == {
        "prompt": "a lovely cat", "negative_prompt": "dog", "steps": 4, "seed": 42, "size": "512x768",
        "sampler": "Euler", "guidance": 1,
    }  # fmt: skip
    assert {item.name for item in foreign.skipped} == {"rng", "sampling.eta", "models.text_encoders"}
    assert _old(Model="v1-5.safetensors").assets == (Asset("model", "v1-5.safetensors"),)


@pytest.mark.parametrize(
    ("changed", "guidance"),
    [
        ({}, 3.5),
        ({"Unet": "flux1-dev-q4.gguf"}, 3.5),
        ({"Unet": "z_image_turbo.gguf"}, 1),
        ({"Model": "sd_turbo.safetensors"}, 1),
        ({"CFG_scale": "5.0"}, 5),
    ],
)
def test_flux_follows_the_distilled_guidance(changed, guidance):
    foreign = _old(**changed)
    assert foreign.values["guidance"] == guidance


@pytest.mark.parametrize(
    ("sampler", "ours", "left"),
    [
        ("euler discrete", "Euler", None),
        ("euler", "Euler", None),
        ("dpm++2m karras", "DPM++ 2M Karras", None),
        ("euler_a karras", "Euler a", "sampling.scheduler"),
        ("euler_ge discrete", None, "sampling.method"),
    ],
)
def test_the_sampler_of_older_versions_is_a_method_and_a_scheduler(sampler, ours, left):
    foreign = _old(Sampler=sampler)
    assert foreign.values.get("sampler") == ours
    assert left is None or left in {item.name for item in foreign.skipped}


@pytest.mark.parametrize("method", ["dpm++2s_a", "dpm++2mv2", "ipndm", "res_2s", "ddim_trailing", "euler_ge"])
def test_methods_that_are_not_here_are_left(method):
    foreign = read(
        EmbeddedMetadata({"parameters": _text(SAID | {"sampling": {"method": method, "scheduler": "discrete"}})})
    )
    assert "sampler" not in foreign.values
    assert "sampling.method" in {item.name for item in foreign.skipped}


def test_no_setting_vanishes():
    lossless(read, lambda said: {"json": json.dumps(said)}, SAID)


def test_files_of_others_and_damaged_ones():
    assert read(EmbeddedMetadata({"parameters": "a cat\nSteps: 25, Seed: 1, Version: v1.10.1"})) is None
    assert (
        read(EmbeddedMetadata({"parameters": "I like Version: stable-diffusion.cpp\nSteps: 25, Seed: 1, Size: 8x8"}))
        is None
    )
    with pytest.raises(InputError, match="stable-diffusion"):
        read(EmbeddedMetadata({"parameters": _text(SAID)[:-9]}))
    hostile(read, "parameters", SAID, lambda blob: f"a\nSteps: 1, SDCPP: {blob}")
