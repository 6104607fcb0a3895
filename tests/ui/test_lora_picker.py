"""What the control for LoRAs shows, and what it works with, in every workflow."""

import pytest

from studio.ui import lora_picker
from studio.ui.controls import controls
from studio.workflow.workflow import Workflow, workflow_names
from tests import here

pytestmark = pytest.mark.usefixtures("parts")


def test_those_that_fit_the_model_come_first_and_the_others_say_why_not():
    shown = {one.about["name"]: one for one in lora_picker.options("spark", here.library())}
    assert list(shown) == ["neon", "styles/paper", "xl"]
    assert [bool(one.about["problem"]) for one in shown.values()] == [False, False, True]
    assert "Stable Diffusion XL" in shown["xl"].about["problem"]
    assert shown["neon"].about == {
        "name": "neon", "title": "neon", "base": "Stable Diffusion 1, sd_v1", "weight": 0.8,
        "triggers": ["neon lines"], "licence": ["CC0-1.0"], "preview": True, "problem": "",
    }  # fmt: skip


def test_without_a_model_all_are_offered():
    assert not any(one.about["problem"] for one in lora_picker.options("no such model", here.library()))


@pytest.mark.parametrize("name", workflow_names())
def test_every_stack_knows_its_model_and_never_the_negative_prompt(name):
    workflow = Workflow.load(name)
    kinds = {control.name: control.kind for control in controls(workflow)}
    stacks = [one for one, kind in kinds.items() if kind == "loras"]
    assert stacks or name == "grid"
    for stack in stacks:
        beside = lora_picker.lora_inputs(workflow, stack)
        assert kinds[beside.model] == "model"
        assert beside.prompt != "negative_prompt"
        assert beside.default_model or name == "instruct"


def test_an_areas_words_go_into_its_own_prompt():
    regions = Workflow.load("regions")
    prompts = [lora_picker.lora_inputs(regions, name).prompt for name in ("loras", "left_loras", "right_loras")]
    assert prompts == ["prompt", "left", "right"]


def test_a_model_that_the_workflow_fixes_counts(write_workflow):
    fixed = Workflow.load(
        write_workflow(
            "title: x\ninputs:\n  prompt: a.prompt\n  loras: s.loras\n"
            "steps:\n  s: {use: lora}\n  a: {use: generate, model: spark, guide: $s}\n"
        )
    )
    assert lora_picker.lora_inputs(fixed, "loras") == ("", "prompt", "spark")
