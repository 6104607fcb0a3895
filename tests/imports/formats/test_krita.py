"""What Krita AI Diffusion wrote: A1111's text with names of its own, as iTXt."""

from functools import cache
from random import Random

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.imports.formats.krita import TOOL, read
from studio.imports.imported_settings import Asset
from studio.imports.metadata_extract import EmbeddedMetadata, extract_metadata
from studio.imports.settings_mapping import form_of
from studio.workflow.workflow import Workflow
from tests.imports.formats.trials import fits

TEXT = """a castle, (ivy:1.2) <lora:ink:0.7>
Negative prompt: blurry
Steps: 20, Sampler: Default - DPM++ 2M, CFG scale: 7.0, Seed: 12, Size: 640x512, Model hash: unknown, Model: my, model.safetensors"""  # noqa: E501


def test_a_png(tmp_path):
    info = PngInfo()
    info.add_itxt("parameters", TEXT)
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png", pnginfo=info)
    foreign = read(extract_metadata(tmp_path / "a.png"))
    assert foreign.tool == TOOL
    assert foreign.workflow == "text-to-image"
    assert foreign.values == {
        "prompt": "a castle, (ivy:1.2)", "negative_prompt": "blurry", "steps": 20, "guidance": 7.0, "seed": 12,
        "sampler": "DPM++ 2M Karras", "size": "640x512",
    }  # fmt: skip
    assert foreign.assets == (Asset("model", "my, model.safetensors"), Asset("lora", "ink", (), 0.7))
    assert foreign.skipped == ()
    fits(foreign)


def test_refining_and_samplers_that_are_not_here():
    foreign = read(
        EmbeddedMetadata({"parameters": TEXT.replace("Default - DPM++ 2M", "Mine, fast") + ", Denoising strength: 0.4"})
    )
    assert foreign.workflow == "image-to-image"
    assert foreign.values["strength"] == 0.4
    assert foreign.assets[0].name == "my, model.safetensors"
    assert "sampler" not in foreign.values
    assert ("Sampler", "Mine, fast") in {(item.name, item.value) for item in foreign.skipped}


@pytest.mark.parametrize(
    "text", ["", "a cat", TEXT.replace("unknown", "abc123"), TEXT + ", Version: v1.9", "\n" * 9_000]
)
def test_files_of_others(text):
    assert read(EmbeddedMetadata({"parameters": text})) is None


def test_damaged_texts_are_read_or_passed_on(monkeypatch):
    monkeypatch.setattr(Workflow, "builtin", cache(Workflow.builtin))  # which would take most of the time
    monkeypatch.setattr(Workflow, "form", lambda workflow: form_of(workflow.name))
    lot = Random(3)
    evil = ("\x00", "\ud800", "9" * 400, "(" * 900, "nan", "\n", ", ", '"', "<lora:", "-", "é" * 999, "1e999", "{" * 99)
    for _ in range(500):
        at = lot.randrange(len(TEXT))
        foreign = read(EmbeddedMetadata({"parameters": TEXT[:at] + lot.choice(evil) + TEXT[at + lot.randrange(9) :]}))
        if foreign:
            fits(foreign)
