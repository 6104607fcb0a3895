"""The one list of inputs that surfaces draw from, for every workflow there is."""

import pytest

from studio.parameters.types import PARTS
from studio.ui.controls import controls, live_choices, sizes
from studio.workflow.workflow import Workflow, workflow_names
from tests import here

KINDS = {
    "prompt", "text", "number", "slider", "choice", "toggle", "seed", "size", "picture", "mask", "colour", "model",
    "sampler", "loras", "pictures", "axis", "workflow", *PARTS,
}  # fmt: skip


@pytest.mark.parametrize("name", workflow_names())
def test_controls_are_the_form(name):
    workflow = Workflow.load(name)
    fields, found = workflow.form().model_fields, controls(workflow)
    assert {c.name for c in found} == set(fields)
    own = list(workflow.definition.inputs)
    last = ["seed", "count"] + ["wildcard_seed"] * any(c.kind == "prompt" for c in found)
    assert [c.name for c in found] == own + last
    for control in found:
        assert control.kind in KINDS
        assert control.label
        assert control.help
        assert control.required == fields[control.name].is_required()


@pytest.mark.parametrize("name", workflow_names())
def test_defaults_make_a_form_and_bounds_hold_them(name):
    workflow = Workflow.load(name)
    for control in controls(workflow):
        if control.least is not None and isinstance(control.default, int | float):
            assert control.least <= control.default <= control.greatest


def test_bounds_defaults_and_choices_are_those_of_the_workflow(write_workflow):
    file = write_workflow("""
title: Narrow
inputs:
  words: {of: draw.prompt, label: What to draw}
  steps: {of: draw.steps, default: 4, le: 8, more: true}
  sampler: {of: draw.sampler, choices: [DDIM, Euler], default: Euler, when: {steps: 4}}
steps:
  draw: {use: generate}
""")
    words, steps, sampler, seed, _, lot = controls(Workflow.load(file))
    assert (words.kind, words.label, words.required) == ("prompt", "What to draw", True)
    assert (steps.kind, steps.least, steps.greatest, steps.default, steps.step) == ("slider", 1, 8, 4, 1)
    assert (steps.more, words.more) == (True, False)
    assert (sampler.choices, sampler.default, sampler.visible_if) == (("DDIM", "Euler"), "Euler", ("steps", 4))
    assert (seed.kind, seed.default, seed.least, seed.more) == ("seed", None, 0, False)
    assert (lot.kind, lot.default, lot.least, lot.more) == ("number", None, 0, True)


def test_a_condition_must_name_an_input(write_workflow):
    file = write_workflow("""
title: Wrong
inputs:
  words: {of: draw.prompt, when: {wrods: x}}
steps:
  draw: {use: generate}
""")
    with pytest.raises(Exception, match="did you mean 'words'"):
        Workflow.load(file)


def test_models_are_asked_for_when_shown(text_to_image):
    by_name = {c.name: c for c in controls(text_to_image)}
    assert "spark" in live_choices(by_name["model"], here.library())
    assert by_name["model"].choices == ()
    assert "DDIM" in live_choices(by_name["sampler"], here.library())


def test_sizes_have_names_and_are_sizes(text_to_image):
    form = text_to_image.form()
    for label, size in sizes():
        assert size in label
        assert str(form(prompt="x", size=size).size) == size
