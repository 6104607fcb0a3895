"""Values that nodes compute for others: the known ones are computed, the others are unknown, and never guessed."""

import json
import time

import pytest

from studio.imports.formats import comfyui
from studio.imports.metadata_extract import EmbeddedMetadata
from tests.imports.comfy.graphs import FROM_FILE, PLAIN, TWO_PASSES, changed, node, read


def left(found):
    return {one.name: one.why for one in found.skipped}


def prompt_of(**nodes):
    """What is read as the prompt where node 20 makes its words."""
    return read(changed(PLAIN, n6={"text": ["20", 0]}, **nodes)).values.get("prompt")


TEXTS = {
    "a red wolf": node("StringReplace", string="a red fox", find="fox", replace="wolf"),
    "a red Owl": node(
        "RegexReplace", string="a red FOX", regex_pattern="f(o)x", replace=r"\1wl", case_insensitive=True
    ),
    "one, 1, 2": node("RegexReplace", string="1, 1, 2", regex_pattern="1", replace="one", count=1),
    "A RED FOX": node("CaseConverter", string="a red fox", mode="UPPERCASE"),
    "A Red Fox": node("CaseConverter", string="a red fox", mode="Title Case"),
    "A red fox": node("CaseConverter", string="a RED fox", mode="Capitalize"),
    "a red fox": node("StringTrim", string=" a red fox\n", mode="Both"),
    "red": node("StringSubstring", string="a red fox", start=2, end=-4),
    "blue fox": node("ImpactWildcardProcessor", wildcard_text="{red|blue} fox", populated_text="blue fox", seed=5),
    "a fox": node("StringConcatenate", string_a="a", string_b="fox", delimiter=" "),
    "7": node("PreviewAny", source=7),
    "noir": node("CustomCombo", choice="noir", index=2),
}


@pytest.mark.parametrize("expected", TEXTS)
def test_known_nodes_are_computed(expected):
    assert prompt_of(n20=TEXTS[expected]) == expected


UNKNOWN = {
    "Florence2Run": node("Florence2Run", text_input="", task="caption", seed=42),
    "DPRandomGenerator": node("DPRandomGenerator", text="{red|blue} fox", seed=5),
    "OllamaGenerate": node("OllamaGenerate", prompt="Write a prompt about a fox", model="llama3"),
    "ImpactWildcardProcessor": node("ImpactWildcardProcessor", wildcard_text="x", populated_text="{red|blue} fox"),
    "CaseConverter": node("CaseConverter", string="a", mode="Sponge"),
    "RegexReplace": node("RegexReplace", string="a" * 5_000 + "b", regex_pattern="(a+)+$", replace=""),
    "StringSubstring": node("StringSubstring", string=["nowhere", 0], start=0, end=4),
    "StringReplace": node("StringReplace", string="a" * 20_000, find="a", replace="b" * 20_000),
    "StringTrim": node("StringTrim", string="a" * 20_001, mode="Both"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_of_other_nodes_nothing_is_taken_as_the_prompt(kind):
    began = time.process_time()
    found = read(changed(PLAIN, n20=UNKNOWN[kind], n6={"text": ["20", 0]}))
    assert "prompt" not in found.values
    assert {"prompt"} < left(found).keys() or kind == "StringSubstring"
    assert time.process_time() - began < 2


def test_one_unknown_word_makes_the_whole_prompt_unknown():
    joined = node("StringConcatenate", string_a="a", string_b=["21", 0], delimiter=" ")
    assert prompt_of(n20=joined, n21=node("Weather", string="rain")) is None
    found = read(changed(PLAIN, n7={"text": ["20", 0]}, n20=node("Weather", string="rain")))
    assert "negative_prompt" not in found.values
    assert "negative_prompt" in left(found)


SETTINGS = {
    "steps": ("n3", "steps"),
    "guidance": ("n3", "cfg"),
    "seed": ("n3", "seed"),
    "sampler": ("n3", "sampler_name"),
    "strength": ("n3", "denoise"),
    "size": ("n5", "width"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_from_nodes_that_are_not_read_are_left_out(name):
    where, key = SETTINGS[name]
    graph = FROM_FILE if name == "strength" else PLAIN
    found = read(changed(graph, n20=node("Weather", value=9), **{where: {key: ["20", 0]}}))
    assert name not in found.values
    assert "Weather (20)" in left(found)


def test_a_lora_whose_weight_is_unknown_is_left_out():
    lora = node("LoraLoaderModelOnly", lora_name="ink", strength_model=["21", 0], model=["4", 0])
    found = read(changed(PLAIN, n3={"model": ["20", 0]}, n20=lora, n21=node("Weather", value=0.3)))
    assert {one.kind for one in found.assets} == {"model"}
    assert {"Weather (21)", "LoraLoaderModelOnly (20)"} == left(found).keys()


def test_an_unknown_factor_leaves_the_second_size_out():
    bigger = node("LatentUpscaleBy", samples=["3", 0], upscale_method="nearest", scale_by=["20", 0])
    found = read(changed(TWO_PASSES, n10=bigger, n20=node("Weather", value=2.0)))
    assert "again_size" not in found.values
    assert found.values["size"] == "128x64"


SIZES = {
    "896x1152": node("CR Aspect Ratio", width=9, height=9, aspect_ratio="SDXL - 3:4 portrait 896x1152"),
    "1152x896": node("CR SDXL Aspect Ratio", aspect_ratio="3:4 portrait 896x1152", swap_dimensions="On"),
    "640x512": node("CR SD1.5 Aspect Ratio", width=640, height=512, aspect_ratio="custom", swap_dimensions="Off"),
    "1248x832": node("ResolutionSelector", aspect_ratio="3:2 (Photo)", megapixels=1.0, multiple=32),
}


@pytest.mark.parametrize("size", SIZES)
def test_aspect_ratios_are_computed(size):
    found = read(changed(PLAIN, n20=SIZES[size], n5={"width": ["20", 0], "height": ["20", 1]}))
    assert found.values["size"] == size


SWITCHED = changed(
    PLAIN,
    n20=node("ComfySwitchNode", switch=["21", 0], on_false=["22", 0], on_true=["23", 0]),
    n21=node("PrimitiveBoolean", value=True),
    n22=node("PrimitiveInt", value=20),
    n23=node("PrimitiveInt", value=4),
    n24=node("ComfySwitchNode", switch=["21", 0], on_false=["4", 0], on_true=["25", 0]),
    n25=node("LoraLoaderModelOnly", lora_name="lightning.safetensors", strength_model=1.0, model=["4", 0]),
    n3={"steps": ["20", 0], "model": ["24", 0]},
)


@pytest.mark.parametrize(("state", "steps", "loras"), [(True, 4, ["lightning.safetensors"]), (False, 20, [])])
def test_a_linked_switch_is_followed(state, steps, loras):
    found = read(changed(SWITCHED, n21={"value": state}))
    assert found.values["steps"] == steps
    assert [one.name for one in found.assets if one.kind == "lora"] == loras


def test_a_switch_whose_state_is_unknown_lets_nothing_through():
    found = read(changed(SWITCHED, n21=node("Weather", value=True)))
    assert "steps" not in found.values
    assert found.assets == ()
    assert {"ComfySwitchNode (20)", "ComfySwitchNode (24)", "model"} <= left(found).keys()


@pytest.mark.parametrize(
    "switch",
    [
        node("CR Model Input Switch", Input=2, model1=["40", 0], model2=["4", 0]),
        node("ImpactSwitch", select=["22", 0], input1=["40", 0], input2=["4", 0]),
        node("Any Switch (rgthree)", any_02=["4", 0], any_03=["40", 0]),
        node("ComfySwitchNode", switch=True, on_false=["4", 0]),
    ],
)
def test_other_switches_are_followed(switch):
    other = node("CheckpointLoaderSimple", ckpt_name="other.safetensors")
    two = node("PrimitiveInt", value=2)
    found = read(changed(PLAIN, n20=switch, n40=other, n22=two, n3={"model": ["20", 0]}))
    assert [one.name for one in found.assets] == ["spark.safetensors"]


def test_of_several_inputs_of_an_unknown_node_none_is_taken_for_its_output():
    other = node("CheckpointLoaderSimple", ckpt_name="other.safetensors")
    merge = node("ModelMergeSimple", model1=["4", 0], model2=["40", 0], ratio=0.5)
    found = read(changed(PLAIN, n20=merge, n40=other, n3={"model": ["20", 0]}))
    assert found.assets == ()
    assert {"ModelMergeSimple (20)", "model"} <= left(found).keys()
    same = read(
        changed(PLAIN, n20={**merge, "inputs": {"model1": ["4", 0], "model2": ["4", 0]}}, n3={"model": ["20", 0]})
    )
    assert [one.name for one in same.assets] == ["spark.safetensors"]


@pytest.mark.parametrize("share", [0.5, 1.0, 0.0])
def test_an_average_is_named_with_its_space_or_without(share):
    average = node("ConditioningAverage ", conditioning_to=["6", 0], conditioning_from=["21", 0],
                   conditioning_to_strength=share)  # fmt: skip
    graph = changed(PLAIN, n3={"positive": ["20", 0]}, n20=average, n21=node("CLIPTextEncode", text="a wolf"))
    found = read(graph)
    assert found.values["prompt"] == ("a wolf" if share == 0 else "a red circle on white")
    assert list(left(found)) == (
        ["conditioning_from of ConditioningAverage 'ConditioningAverage ' (20)"] if share == 0.5 else []
    )


def test_of_several_outputs_the_one_is_read_that_fits_the_picture():
    graph = changed(TWO_PASSES, n30=node("SaveImage", images=["31", 0]),
                    n31=node("VAEDecode", samples=["3", 0], vae=["4", 2]))  # fmt: skip
    carried = {size: EmbeddedMetadata({"prompt": json.dumps(graph)}, size) for size in ((256, 128), (128, 64), (9, 9))}
    second = [("again_size" in comfyui.read(one).values) for one in carried.values()]
    assert second == [True, False, True]
    shown = changed(graph, n30={"class_type": "PreviewImage", "inputs": {"images": ["31", 0]}})
    assert "again_size" not in comfyui.read(EmbeddedMetadata({"prompt": json.dumps(shown)}, (128, 64))).values
