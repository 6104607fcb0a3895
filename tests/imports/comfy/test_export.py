"""Our jobs as graphs for ComfyUI, and back."""

import json
from dataclasses import replace

import pytest

from studio.errors import InputError
from studio.imports.comfy import nodes
from studio.imports.comfy.export import export
from studio.imports.formats import comfyui
from studio.imports.metadata_extract import EmbeddedMetadata
from studio.models.model_index import ModelIndex
from studio.parameters.sampler_names import NAMES, canonical
from studio.parameters.sampler_names import comfyui as theirs
from studio.parameters.types import OWN_SAMPLER
from studio.plugins import find
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here
from tests.diffusion import small
from tests.imports.comfy.graphs import PLAIN, read

ASKED = {
    "prompt": "a (red:1.2) circle, [soft] BREAK on white",
    "negative_prompt": "blue",
    "size": "128x64",
    "steps": 4,
    "guidance": 2.5,
    "sampler": "DPM++ 2M Karras",
    "seed": 11,
}


def job(workflow, **values):
    return Job.of(Workflow.load(workflow), {**ASKED, **values})


def back(exported):
    return comfyui.read(EmbeddedMetadata({"prompt": json.dumps(exported.graph)}))


@pytest.fixture
def pictures(tmp_path):
    files = {name: str(tmp_path / f"{name}.png") for name in ("photo", "mask", "lines")}
    for name, path in files.items():
        small.drawing(len(name)).convert("L" if name == "mask" else "RGB").save(path)
    return files


def test_text_to_image_comes_back():
    found = back(export(job("text-to-image", clip_skip=2), here.library()))
    assert (found.workflow, found.skipped[0].name) == ("text-to-image", "weights of words")
    assert found.clip_skip == {"clip_skip": 2}
    assert found.values == {**ASKED, "prompt": "a (red:1.2) circle, (soft:0.909091) BREAK on white"}


def test_every_node_is_one_of_the_core_with_its_settings(pictures):
    asked = {key: value for key, value in ASKED.items() if key != "size"}
    asked |= {"image": pictures["photo"], "mask": pictures["mask"], "loras": ["neon-glow:1"], "clip_skip": 2}
    exported = export(Job.of(Workflow.load("inpaint"), asked), here.library())
    for node in exported.graph.values():
        known = nodes.settings(node["class_type"])
        assert known is not None
        linked = {key for key, value in node["inputs"].items() if isinstance(value, list)}
        assert {name.rstrip("!") for name in known} == node["inputs"].keys() - linked


@pytest.mark.parametrize("strength", [0.7, 0.4, 0.35, 0.9])
def test_image_to_image_comes_back(pictures, strength):
    asked = job("image-to-image", image=pictures["photo"], strength=strength, steps=20)
    found = back(export(asked, here.library()))
    assert found.workflow == "image-to-image"
    assert found.values["steps"] == 20
    assert int(20 * found.values["strength"]) == int(20 * strength)
    assert found.values["size"] == "128x64"


def test_inpainting_comes_back(pictures):
    asked = {**ASKED, "image": pictures["photo"], "mask": pictures["mask"], "prompt": "a star", "strength": 0.75}
    found = back(
        export(Job.of(Workflow.load("inpaint"), {key: asked[key] for key in asked if key != "size"}), here.library())
    )
    assert found.workflow == "inpaint"
    assert found.values == {key: asked[key] for key in asked if key not in ("image", "mask", "size")}


def test_a_large_picture_comes_back():
    asked = {**ASKED, "factor": 1.5, "strength": 0.5, "prompt": "a star"}
    found = back(export(Job.of(Workflow.load("hires"), asked), here.library()))
    assert (found.workflow, found.values) == ("hires", asked)


def test_loras_come_back_from_inputs_and_from_the_prompt():
    asked = job("text-to-image", loras=["neon-glow:0.8"], prompt="a star <lora:paper-cut-out:0.5>")
    found = back(export(asked, here.library()))
    assert [(asset.name, asset.weight) for asset in found.assets if asset.kind == "lora"] == [
        ("neon-glow.safetensors", 0.8), ("paper-cut-out.safetensors", 0.5)]  # fmt: skip
    assert found.values["prompt"] == "a star "


def test_a_controlnet_comes_back(pictures, tmp_path):
    net = small.controlnet(tmp_path / "scribbles")
    asked = job("controlnet", image=pictures["lines"], controlnet=net, lines="edges", weight=0.6, until=0.5)
    found = back(export(asked, here.library()))
    assert {name: found.values[name] for name in ("lines", "weight", "until", "seed")} == {
        "lines": "edges", "weight": 0.6, "until": 0.5, "seed": 11}  # fmt: skip
    assert "scribbles.safetensors" in [asset.name for asset in found.assets]


def test_what_was_read_can_be_written_again():
    found = read({**PLAIN, "3": {**PLAIN["3"], "inputs": {**PLAIN["3"]["inputs"], "steps": 9}}})
    again = export(Job.of(Workflow.load("text-to-image"), found.values), here.library())
    assert back(again).values == found.values


@pytest.mark.parametrize("name", NAMES)
def test_samplers_have_one_name_there_or_none(name):
    if found := theirs(name):
        assert canonical(*found) == name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sampler": "Euler AYS"}, "no equivalent of the sampler 'Euler AYS'"),
        ({"prompt": "[a:b:0.5]"}, r"'\[a:b:0.5\]' in the prompt"),
        ({"prompt": "a {b|c}"}, r"'{b\|c}' in the prompt is a random choice"),
        ({"loras": ["neon-glow:1:from=0.5"]}, "steps and blocks of 'neon-glow"),
    ],
)
def test_what_has_no_equivalent_is_refused_by_name(values, message):
    with pytest.raises(InputError, match=message):
        export(job("text-to-image", **values), here.library())


def test_steps_without_an_equivalent_are_refused_by_name():
    with pytest.raises(InputError, match="the step 'tile'"):
        export(job("seamless-pattern"), here.library())


def test_what_the_graph_cannot_say_is_said(pictures):
    exported = export(
        job("image-to-image", image=pictures["photo"], size=None, count=2, sampler=OWN_SAMPLER), here.library()
    )
    said = "\n".join(exported.notes)
    for words in ("first of 2", "photo.png", "spark.safetensors", "set a size", "exported as DDIM"):
        assert words in said


@pytest.mark.parametrize(("family", "layer"), [("sd1", -2), ("sd2", -3), ("sdxl", -3)])
def test_clip_skip_is_counted_from_clips_last_layer(family, layer, monkeypatch):
    card = here.card("spark")
    other = replace(card, family=find("families", family).FAMILY)
    monkeypatch.setattr(ModelIndex, "find", lambda *_: other)
    nodes = export(job("text-to-image", clip_skip=2), here.library()).graph.values()
    (last,) = [node for node in nodes if node["class_type"] == "CLIPSetLastLayer"]
    assert last["inputs"]["stop_at_clip_layer"] == layer


def test_a_clip_skip_that_the_family_has_not_is_refused(monkeypatch):
    asked = job("text-to-image", clip_skip=2)
    flux = replace(here.card("spark"), family=find("families", "flux1").FAMILY)
    monkeypatch.setattr(ModelIndex, "find", lambda *_: flux)
    with pytest.raises(InputError, match="has no clip skip; set clip skip to 1"):
        export(asked, here.library())
