"""What Fooocus wrote, in its own scheme, into PNG, JPEG and WebP."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError
from studio.imports.formats.fooocus import read
from studio.imports.imported_settings import Asset
from studio.imports.metadata_extract import EmbeddedMetadata, extract_metadata
from studio.prompts import grammar
from tests.imports.formats.trials import accounted, fits, hostile, lossless

SAID = {
    "adaptive_cfg": 7.0, "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8Rundiffusion",
    "base_model_hash": "aeb7e9e689", "clip_skip": 2, "created_by": "Ann", "freeu": "(1.01, 1.02, 0.99, 0.95)",
    "full_negative_prompt": ["ugly", "low quality"],
    "full_prompt": ["cinematic still (a cat:1.2) . film", "a cat, sharp"],
    "guidance_scale": 4, "lora_combined_1": "sd_xl_offset_example-lora_1.0 : 0.1",
    "loras": [["sd_xl_offset_example-lora_1.0", 0.1,
    "4852686128f953d0277d0793e2f0335352f96a919c9c16a09787d77f55cbdf6f"]],
    "metadata_scheme": "fooocus", "negative_prompt": "ugly", "performance": "Speed", "prompt": "(a cat:1.2)",
    "prompt_expansion": "a cat, sharp", "refiner_model": "None", "refiner_switch": 0.5, "resolution": "(1152, 896)",
    "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "2847385", "sharpness": 2, "steps": 30,
    "styles": "['Fooocus V2', 'Fooocus Cinematic']", "vae": "Default (model)", "version": "Fooocus v2.5.5",
}  # fmt: skip
PLACED = {
    "base_model": "model", "base_model_hash": "model", "clip_skip": "clip_skip", "full_prompt": "prompt",
    "full_negative_prompt": "negative_prompt", "guidance_scale": "guidance", "lora_combined_1": "lora", "loras": "lora",
    "resolution": "size", "sampler": "sampler", "scheduler": "sampler", "seed": "seed", "steps": "steps",
    "refiner_model": "model", "vae": "model",  # the model's own VAE, and no refiner
}  # fmt: skip


def test_a_png(tmp_path):
    info = PngInfo()
    info.add_text("parameters", json.dumps(SAID))
    info.add_text("fooocus_scheme", "fooocus")
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png", pnginfo=info)
    foreign = read(extract_metadata(tmp_path / "a.png"))
    assert foreign.values == {
        "prompt": "cinematic still (a cat:1.2) . film BREAK a cat, sharp", "negative_prompt": "ugly BREAK low quality",
        "steps": 30, "guidance": 4, "seed": 2847385, "sampler": "DPM++ 2M SDE Karras", "size": "1152x896",
    }  # fmt: skip
    assert len(grammar.parse(foreign.values["prompt"]).parts[0].at(0, 1)) == 2
    assert foreign.assets == (
        Asset("model", "juggernautXL_v8Rundiffusion", ("aeb7e9e689",)),
        Asset("lora", "sd_xl_offset_example-lora_1.0", (SAID["loras"][0][2],), 0.1),
    )
    accounted(foreign, SAID, PLACED)
    fits(foreign)


def test_exif_of_jpeg_and_webp():
    texts = {"exif:UserComment": json.dumps(SAID), "exif:MakerNote": "fooocus", "exif:Software": "Fooocus v2.5.5"}
    assert read(EmbeddedMetadata(texts)).values["seed"] == 2847385
    del texts["exif:MakerNote"]
    assert read(EmbeddedMetadata(texts)).values["seed"] == 2847385


def test_loras_of_older_versions_and_those_in_the_prompt():
    older = {name: value for name, value in SAID.items() if name not in ("loras", "full_prompt")}
    foreign = read(EmbeddedMetadata({"parameters": json.dumps(older | {"prompt": "a cat, <lora:ink:0.5>"})}))
    assert foreign.assets[1:] == (Asset("lora", "sd_xl_offset_example-lora_1.0", (), 0.1),)
    assert foreign.values["prompt"] == "a cat,"


def test_the_a1111_scheme_is_left_to_its_reader():
    assert (
        read(EmbeddedMetadata({"parameters": "a cat\nSteps: 30, Seed: 1, Size: 8x8", "fooocus_scheme": "a1111"}))
        is None
    )


def test_what_is_written_as_python_is_not_run():
    foreign = read(EmbeddedMetadata({"parameters": json.dumps(SAID | {"resolution": "__import__('os').getcwd()"})}))
    assert "size" not in foreign.values
    assert "resolution" in {item.name for item in foreign.skipped}


def test_no_setting_vanishes():
    mark = {"fooocus_scheme": "fooocus"}
    lossless(read, lambda said: mark | {"parameters": json.dumps(said)}, SAID)


def test_files_of_others_and_damaged_ones():
    assert read(EmbeddedMetadata({"parameters": '{"sui_image_params": {}}'})) is None
    with pytest.raises(InputError, match="Fooocus"):
        read(EmbeddedMetadata({"parameters": "{", "fooocus_scheme": "fooocus"}))
    hostile(read, "parameters", SAID)
