"""What NovelAI wrote into a picture's texts, or hid in its pixels."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError
from studio.imports.formats.novelai import read
from studio.imports.imported_settings import Asset
from studio.imports.metadata_extract import EmbeddedMetadata, extract_metadata
from tests.imports.formats.trials import accounted, fits, hostile, lossless

V3 = {
    "prompt": "{{masterpiece}}, 1girl, [bad (x)], fish|bird", "steps": 28, "height": 1216, "width": 832, "scale": 5.0,
    "uncond_scale": 1.5, "cfg_rescale": 0.2, "seed": 3312145612, "n_samples": 1, "hide_debug_overlay": False,
    "noise_schedule": "karras", "legacy_v3_extend": False, "reference_strength_multiple": [0.6],
    "sampler": "k_dpmpp_2m", "controlnet_strength": 1.0, "controlnet_model": None, "dynamic_thresholding": True,
    "sm": True, "sm_dyn": False, "skip_cfg_above_sigma": None, "uc": "{lowres}",
    "request_type": "PromptGenerateRequest",
    "signed_hash": "abc=",
}  # fmt: skip
V4 = {
    "prompt": "cafe, 1.5::cat::, {2girls}", "steps": 23, "height": 832, "width": 1216, "scale": 5, "seed": 1,
    "noise_schedule": "native", "sampler": "k_euler_ancestral", "uc": "blurry", "version": 1,
    "v4_prompt": {
        "caption": {"base_caption": "cafe, 1.5::cat::, {2girls}",
                    "char_captions": [{"char_caption": "girl, red hair", "centers": [{"x": 0.3, "y": 0.5}]},
                                      {"char_caption": "girl, [blue hair]", "centers": [{"x": 0.7, "y": 0.5}]}]},
        "use_coords": True, "use_order": True, "legacy_uc": False,
    },
    "v4_negative_prompt": {"caption": {"base_caption": "blurry", "char_captions": []}, "legacy_uc": False},
}  # fmt: skip


def _texts(comment, source="Stable Diffusion XL 7BCCAA2C"):
    return {"Title": "AI generated image", "Software": "NovelAI", "Source": source, "Description": "words",
            "Comment": json.dumps(comment)}  # fmt: skip


def test_a_picture_of_version_three(tmp_path):
    info = PngInfo()
    for name, text in _texts(V3).items():
        info.add_text(name, text)
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png", pnginfo=info)
    foreign = read(extract_metadata(tmp_path / "a.png"))
    assert foreign.values == {
        "prompt": r"(masterpiece:1.1025), 1girl, (bad \(x\):0.9524), fish|bird", "negative_prompt": "(lowres:1.05)",
        "steps": 28, "guidance": 5.0, "seed": 3312145612, "sampler": "DPM++ 2M Karras", "size": "832x1216",
    }  # fmt: skip
    assert foreign.assets == (Asset("model", "Stable Diffusion XL", ("7bccaa2c",)),)
    placed = {"prompt": "prompt", "uc": "negative_prompt", "steps": "steps", "scale": "guidance", "seed": "seed",
              "sampler": "sampler", "noise_schedule": "sampler", "width": "size", "height": "size"}  # fmt: skip
    accounted(foreign, V3, placed)
    fits(foreign)


def test_characters_of_version_four_become_words_and_that_is_said():
    foreign = read(EmbeddedMetadata(_texts(V4, "NovelAI Diffusion V4 37442FCA")))
    assert foreign.values["prompt"] == ("cafe, (cat:1.5), (2girls:1.05), girl, red hair, girl, (blue hair:0.9524)")
    assert foreign.values["negative_prompt"] == "blurry"
    assert foreign.values["sampler"] == "Euler a"
    (left,) = foreign.skipped
    assert left.name == "v4_prompt.char_captions"
    assert "positions" in left.why


def test_the_hidden_copy_and_the_first_version():
    hidden = _texts(V3) | {"Comment": V3}
    assert read(EmbeddedMetadata({"stealth": json.dumps(hidden)})).values == read(EmbeddedMetadata(_texts(V3))).values
    first = read(
        EmbeddedMetadata({"Software": "NovelAI", "Description": "a {cat}", "Comment": '{"steps": 28, "uc": "bad"}'})
    )
    assert first.values == {"prompt": "a (cat:1.05)", "negative_prompt": "bad", "steps": 28}


def test_a_picture_made_from_another():
    foreign = read(EmbeddedMetadata(_texts(V3 | {"strength": 0.7, "noise": 0.1, "request_type": "Img2ImgRequest"})))
    assert foreign.workflow == "image-to-image"
    assert foreign.values["strength"] == 0.7
    assert "noise" in {item.name for item in foreign.skipped}


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours"),
    [("k_euler", "native", "Euler"), ("k_dpmpp_sde", "karras", "DPM++ SDE Karras"), ("ddim_v3", None, "DDIM"),
     ("k_dpmpp_2m_sde", "exponential", "DPM++ 2M SDE Exponential"), ("k_dpmpp_2s_ancestral", "karras", None),
     ("k_euler_ancestral", "karras", "Euler a"), ("k_dpmpp_2m", "polyexponential", "DPM++ 2M")],
)  # fmt: skip
def test_samplers(sampler, schedule, ours):
    foreign = read(EmbeddedMetadata(_texts({"prompt": "a", "sampler": sampler, "noise_schedule": schedule})))
    assert foreign.values.get("sampler") == ours
    assert ("sampler" in {item.name for item in foreign.skipped}) == (ours is None)
    without = ours in ("Euler a", "DPM++ 2M")
    assert ("noise_schedule" in {item.name for item in foreign.skipped}) == without


def test_no_setting_vanishes():
    for said in (V3, V4):
        lossless(read, _texts, said)


def test_files_of_others_and_damaged_ones():
    assert read(EmbeddedMetadata({"Software": "Adobe", "Comment": "{}"})) is None
    assert read(EmbeddedMetadata({"stealth": "a NovelAI-like cat"})) is None
    with pytest.raises(InputError, match="NovelAI"):
        read(EmbeddedMetadata({"Software": "NovelAI", "Comment": "[]"}))
    hostile(read, "Comment", V3 | V4)
