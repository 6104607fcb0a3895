"""What InvokeAI wrote into a PNG becomes values, files and a list of what is left."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError
from studio.imports.formats.invokeai import TOOL, read
from studio.imports.imported_settings import Asset
from studio.imports.metadata_extract import EmbeddedMetadata, extract_metadata
from tests.imports.formats.trials import accounted, fits, hostile, lossless

SDXL = {
    "generation_mode": "sdxl_txt2img", "positive_prompt": "a (red barn)1.2 at dawn, trees+", "negative_prompt": "fog--",
    "width": 1024, "height": 768, "seed": 4294967295, "rand_device": "cpu", "cfg_scale": 7.5,
    "cfg_rescale_multiplier": 0.2, "steps": 30, "scheduler": "dpmpp_2m_sde_k", "seamless_x": False, "seamless_y": False,
    "positive_style_prompt": "a (red barn)1.2 at dawn, trees+", "negative_style_prompt": "oil",
    "model": {"key": "8c5", "hash": "blake3:" + "ab12" * 16, "name": "Juggernaut XL v9", "base": "sdxl",
    "type": "main"},
    "vae": {"key": "1", "hash": "blake3:" + "cd34" * 16, "name": "sdxl-vae-fp16-fix", "base": "sdxl", "type": "vae"},
    "loras": [{"model": {"key": "2", "hash": "random:xyz", "name": "Paper Cut", "base": "sdxl"}, "weight": -0.75}],
    "refiner_model": {"name": "refiner", "hash": "blake3:00"}, "refiner_steps": 20, "refiner_start": 0.8,
    "hrf_enabled": True, "hrf_strength": 0.45, "hrf_method": "ESRGAN", "ipAdapters": [{"weight": 1}],
    "canvas_v2_metadata": {"layers": []}, "app_version": "6.2.0",
}  # fmt: skip
OLD = {
    "app_version": "3.0.2", "generation_mode": "img2img", "positive_prompt": "a cat", "negative_prompt": "",
    "clip_skip": 1, "strength": 0.6, "init_image": "1a2b.png", "steps": 20, "cfg_scale": 7, "scheduler": "euler_a",
    "model": {"model_name": "stable-diffusion-v1-5", "base_model": "sd-1", "model_type": "main"},
    "loras": [{"lora": {"model_name": "ink", "base_model": "sd-1"}, "weight": 0.5}], "seed": 5,
}  # fmt: skip


def _read(said):
    return read(EmbeddedMetadata({"invokeai_metadata": json.dumps(said)}))


def test_a_picture_of_version_six(tmp_path):
    info = PngInfo()
    info.add_itxt("invokeai_metadata", json.dumps(SDXL))
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png", pnginfo=info)
    foreign = read(extract_metadata(tmp_path / "a.png"))
    assert foreign.tool == TOOL
    assert foreign.workflow == "text-to-image"
    assert foreign.values == {
        "prompt": "a (red barn:1.2) at dawn, (trees:1.1)", "negative_prompt": "(fog:0.81)", "steps": 30,
        "seed": 4294967295,
        "guidance": 7.5, "sampler": "DPM++ 2M SDE Karras", "size": "1024x768",
    }  # fmt: skip
    assert foreign.assets == (
        Asset("model", "Juggernaut XL v9", ("blake3:" + "ab12" * 16,)),
        Asset("vae", "sdxl-vae-fp16-fix", ("blake3:" + "cd34" * 16,)),
        Asset("lora", "Paper Cut", (), -0.75),
    )
    placed = {
        "positive_prompt": "prompt", "negative_prompt": "negative_prompt", "width": "size", "height": "size",
        "seed": "seed", "cfg_scale": "guidance", "steps": "steps", "scheduler": "sampler", "model": "model",
        "vae": "vae",
        "loras": "lora", "positive_style_prompt": "prompt", "generation_mode": "prompt", "rand_device": "seed",
    }  # fmt: skip
    accounted(foreign, SDXL, placed)
    fits(foreign)


def test_a_picture_of_version_three():
    foreign = _read(OLD)
    assert foreign.workflow == "image-to-image"
    assert foreign.values["strength"] == 0.6
    assert foreign.clip_skip == {"clip_skip": 1}
    assert foreign.values["sampler"] == "Euler a"
    assert foreign.assets == (Asset("model", "stable-diffusion-v1-5"), Asset("lora", "ink", (), 0.5))
    assert [item.name for item in foreign.skipped] == ["init_image"]
    fits(foreign)


def test_prompts_of_newer_models_are_plain_words_and_their_guidance_is_their_own():
    flux = {"generation_mode": "flux_img2img", "positive_prompt": "C++ (code)", "guidance": 3.5, "strength": 0.7,
            "model": {"name": "FLUX Dev", "base": "flux"}, "scheduler": "euler"}  # fmt: skip
    foreign = _read(flux)
    assert foreign.values == {"prompt": r"C++ \(code\)", "guidance": 3.5, "sampler": "Euler"}
    assert [(item.name, item.value) for item in foreign.skipped] == [("strength", "0.7")]


def test_one_controlnet_is_a_workflow_of_ours():
    control = {"image": {"image_name": "a.png"}, "control_model": {"name": "canny", "hash": "blake3:" + "0" * 64},
               "control_weight": 0.8, "begin_step_percent": 0, "end_step_percent": 0.7,
               "control_mode": "balanced"}  # fmt: skip
    foreign = _read({"positive_prompt": "a house", "controlnets": [control]})
    assert foreign.workflow == "controlnet"
    assert (foreign.values["weight"], foreign.values["until"]) == (0.8, 0.7)
    assert foreign.assets == (Asset("controlnet", "canny", ("blake3:" + "0" * 64,)),)
    assert {item.name for item in foreign.skipped} >= {"controlnets.image", "controlnets.control_mode"}
    assert _read({"positive_prompt": "a", "controlnets": [control, control]}).workflow == "text-to-image"


@pytest.mark.parametrize("scheduler", ["dpmpp_2s", "er_sde", "dpmpp_3m_k", 7])
def test_a_scheduler_that_is_not_here_is_left_and_not_replaced(scheduler):
    foreign = _read({"positive_prompt": "a", "scheduler": scheduler, "steps": 200})
    assert "sampler" not in foreign.values
    assert {item.name for item in foreign.skipped} == {"scheduler", "steps"}


def test_a_scheduler_that_is_here_without_karras_alone_is_kept():
    foreign = _read({"positive_prompt": "a", "scheduler": "deis_k"})
    assert foreign.values["sampler"] == "DEIS"
    assert [(item.name, item.value) for item in foreign.skipped] == [("scheduler, k", "karras")]


@pytest.mark.parametrize(
    ("across", "down", "joins"),
    [(True, True, "all sides"), (True, False, "left and right"), (False, True, "top and bottom")],
)
def test_tiles(across, down, joins):
    foreign = _read({"positive_prompt": "dots", "seamless_x": across, "seamless_y": down, "rand_device": "cuda"})
    assert foreign.workflow == "seamless-pattern"
    assert foreign.values["joins"] == joins
    assert [item.name for item in foreign.skipped] == ["rand_device"]


@pytest.mark.parametrize(
    ("scheduler", "ours"),
    [("dpmpp_sde_k", "DPM++ SDE Karras"), ("kdpm_2_a_k", "DPM2 a Karras"), ("unipc", "UniPC"), ("pndm", "PLMS"),
     ("euler_k", "Euler Karras"), ("lcm", "LCM"), ("deis", "DEIS")],
)  # fmt: skip
def test_schedulers(scheduler, ours):
    assert _read({"scheduler": scheduler}).values == {"sampler": ours}


def test_a_picture_of_version_two():
    image = {"prompt": [{"prompt": "a (cat)1.2 [dog, [] fog]", "weight": 1.0}], "steps": 50, "cfg_scale": 7.5,
             "seed": 3, "width": 512, "height": 640, "sampler": "k_euler_a", "type": "txt2img", "perlin": 0.1,
             "variations": []}  # fmt: skip
    said = {"model": "stable diffusion", "model_weights": "sd-1.5", "model_hash": "cc6cb27103417325ff94f52b7a5d2dde",
            "app_version": "2.3.0", "image": image}  # fmt: skip
    foreign = read(EmbeddedMetadata({"sd-metadata": json.dumps(said)}))
    assert foreign.values == {
        "prompt": r"a (cat:1.2) \[dog,  fog\]", "negative_prompt": "", "steps": 50, "guidance": 7.5, "seed": 3,
        "sampler": "Euler a", "size": "512x640",
    }  # fmt: skip
    assert foreign.assets == (Asset("model", "sd-1.5", ("cc6cb27103417325ff94f52b7a5d2dde",)),)
    assert [item.name for item in foreign.skipped] == ["perlin"]
    image["prompt"] = "a cat [dog] [fog]"
    foreign = read(EmbeddedMetadata({"sd-metadata": json.dumps(said)}))
    assert (foreign.values["prompt"], foreign.values["negative_prompt"]) == ("a cat", "dog, fog")


def test_blends_are_left_and_their_words_kept():
    foreign = _read({"positive_prompt": '("oil", "ink").blend(0.7, 0.3)'})
    assert "blend" in foreign.skipped[0].why
    assert foreign.values["prompt"] == r'\("oil", "ink"\).blend\(0.7, 0.3\)'


def test_no_setting_vanishes():
    for said in (SDXL, OLD):
        lossless(read, lambda said: {"invokeai_metadata": json.dumps(said)}, said)


def test_files_of_others_and_damaged_ones():
    assert read(EmbeddedMetadata({"parameters": "a cat\nSteps: 20, Seed: 1, Size: 64x64"})) is None
    with pytest.raises(InputError, match="InvokeAI"):
        read(EmbeddedMetadata({"invokeai_metadata": "[1]"}))
    hostile(read, "sd-metadata", {"model_weights": "a", "image": {"prompt": [{"prompt": "a [b]"}], "steps": 9}})
    hostile(read, "invokeai_metadata", SDXL | OLD | {"controlnets": [{"control_model": {"name": "x"}}]})
