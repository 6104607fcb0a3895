import time

import pytest
from pydantic import ValidationError

from studio.errors import InputError, WorkflowError
from studio.workflow.workflow import Workflow, bind, workflow_names

GOOD = """
title: Mine
inputs:
  prompt: draw.prompt
  steps: {of: draw.steps, default: 4, le: 8}
  strength: {of: change.strength, ge: 0.2, label: Change, help: How much.}
  sampler: {of: draw.sampler, choices: [DDIM, Euler], default: DDIM}
steps:
  draw: {use: generate, model: spark}
  change: {use: edit, image: $draw, prompt: softer}
"""


def load(text):
    return Workflow.of("mine", __import__("yaml").safe_load(text))


def test_every_shipped_workflow_loads_and_has_a_form():
    assert {"text-to-image", "image-to-image"} <= set(workflow_names())
    for name in workflow_names():
        assert {"seed", "count"} <= set(Workflow.load(name).form().model_fields)


def test_form_narrows_labels_and_keeps_the_steps_bounds():
    form = load(GOOD).form()
    values = bind(form, {"prompt": "x"}).model_dump()
    assert values == {
        "prompt": "x", "steps": 4, "strength": 0.7, "sampler": "DDIM", "seed": None, "count": 1, "wildcard_seed": None
    }  # fmt: skip
    assert form.model_fields["strength"].title == "Change"
    for bad in ({"steps": 9}, {"steps": 0}, {"strength": 0.1}, {"strength": 1.1}, {"sampler": "UniPC"}):
        with pytest.raises(InputError, match=next(iter(bad))):
            bind(form, {"prompt": "x", **bad})


def test_optional_inputs_keep_label_and_bounds():
    form = Workflow.load("text-to-image").form()
    assert form.model_fields["size"].title == "Size"
    with pytest.raises(ValidationError):
        form(prompt="x", seed=-1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("le: 8", "le: 200"), "wider than the step allows (1 to 150)"),
        (("ge: 0.2", "ge: -1"), "wider than the step allows"),
        (("default: 4", "default: 9"), "default 9"),
        (("use: generate", "use: genrate"), "did you mean 'generate'?"),
        (("draw.steps", "draw.stpes"), "did you mean 'steps'?"),
        (("draw.steps", "drew.steps"), "did you mean 'draw'?"),
        (("model: spark", "model: sprak"), "did you mean 'spark'?"),
        (("model: spark", "modl: spark"), "did you mean 'model'?"),
        (("model: spark", "guidance: 99"), "guidance: input should be less than or equal to 30"),
        (("$draw", "$drew"), "must name an earlier step"),
        (("prompt: softer", "prompt: $draw"), "does not take pictures"),
        ((", prompt: softer", ""), "needs 'prompt'"),
        (("model: spark", "prompt: fixed"), "both fixed and an input"),
        (("choices: [DDIM, Euler]", "choices: [DDIM, Foo]"), "choice 'Foo'"),
        (("title: Mine", "titel: Mine"), "title"),
        (("prompt: draw.prompt", "seed: draw.prompt"), "has 'seed' already"),
        (("{of: draw.steps, default: 4, le: 8}", "{of: draw.prompt, le: 8}"), "not a number"),
    ],
)
def test_wrong_files_are_named_and_explained(change, message):
    with pytest.raises(WorkflowError) as caught:
        load(GOOD.replace(*change))
    assert message in str(caught.value)
    assert str(caught.value).startswith("workflow 'mine'")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["model_config", "model_dump", "model_fields", "copy", "json", "schema", "dict", "construct", "validate",
     "__class__", "_x", "class", "a b", "a-b", "1", "", "x" * 61, "a\0b", "\x1b[2J", "seed", "out", "name", "help"],
)  # fmt: skip
def test_names_that_no_input_can_have_are_refused(name):
    data = {"title": "T", "inputs": {name: "draw.prompt"}, "steps": {"draw": {"use": "generate", "model": "spark"}}}
    with pytest.raises(WorkflowError, match="input"):
        Workflow.of("mine", data)


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 201, "two\nlines"])
def test_a_workflows_own_name_is_one_line(name):
    with pytest.raises(WorkflowError, match="its name must be one line of at most 200 letters"):
        Workflow.of(name, __import__("yaml").safe_load(GOOD))


def test_a_chain_of_steps_has_an_end_and_costs_what_its_length_costs():
    chain = {"s0": {"use": "generate", "model": "spark"}}
    chain |= {f"s{n}": {"use": "edit", "image": f"$s{n - 1}", "prompt": "x", "model": "spark"} for n in range(1, 2000)}
    data = {"title": "T", "inputs": {"prompt": "s0.prompt"}}
    few = dict(list(chain.items())[:100])
    began = time.process_time()
    assert len(Workflow.of("mine", {**data, "steps": few}).steps()) == 100
    with pytest.raises(WorkflowError, match="steps: there are more than the 100 that are allowed"):
        Workflow.of("mine", {**data, "steps": chain})
    with pytest.raises(WorkflowError, match="inputs: there are more than the 100 that are allowed"):
        Workflow.of("mine", {**data, "inputs": {f"x{n}": "s0.prompt" for n in range(3000)}, "steps": few})
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title: !!bool x", "line 1: tags"),
        (b"a: &a [x]\nb: *a", "line 2: aliases"),
        (b"[]", "must be a mapping"),
        (b"", "must be a mapping"),
        (b"a: " + b"x" * 300_000, "larger than 262,144 bytes"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_workflow_is_one_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(WorkflowError) as caught:
        Workflow.load(tmp_path / "x.yaml")
    assert message in str(caught.value)
    assert "x.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_is_loaded_by_its_path(write_workflow):
    assert Workflow.load(write_workflow(GOOD)).name == "mine"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "'prompt' is required"),
        ({"prompt": "x", "stpes": 3}, "did you mean 'steps'?"),
        ({"prompt": "x", "steps": "many"}, "steps:"),
        ({"prompt": "x" * 10_001}, "prompt:"),
        ({"prompt": "x", "count": 0}, "count:"),
    ],
)
def test_bind_names_the_input_that_is_wrong(values, message):
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        bind(load(GOOD).form(), values)


def test_unknown_workflow_suggests_the_nearest():
    with pytest.raises(InputError, match="did you mean 'text-to-image'"):
        Workflow.load("text-to-imge")


WORDS = """
title: Set
inputs:
  what: {of: say.subject, each: true}
  colour: {of: say.colour, each: true, default: "red, blue"}
  steps: {of: draw.steps, each: true, le: 50, default: 4}
  sizes: {of: draw.size, each: true, default: [64x64, 64x128]}
steps:
  say: {use: words, template: "a {colour} {subject}"}
  draw: {use: generate, prompt: $say}
"""


def values(**given):
    return bind(load(WORDS).form(), given).model_dump(mode="json")


def test_an_input_with_each_takes_a_list_or_text():
    assert values(what="heart, star")["what"] == values(what=["heart", "star"])["what"] == ["heart", "star"]
    assert values(what="a, b\nc")["what"] == ["a, b", "c"]
    found = values(what="x", steps="2, 3")
    assert (found["colour"], found["steps"], found["sizes"]) == (["red", "blue"], [2, 3], ["64x64", "64x128"])


def test_the_kind_of_a_list_is_that_of_its_values():
    inputs = load(WORDS).inputs()
    assert [(p.kind.name, p.kind.many) for p in inputs.values()] == [
        ("text", True), ("text", True), ("slider", True), ("size", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "'what' is required"),
        ({"what": []}, "what:"),
        ({"what": " , "}, "what:"),
        ({"what": ["x"] * 101}, "what:"),
        ({"what": "x", "steps": [2, 51]}, "steps: .*51"),
        ({"what": "x", "sizes": "10x10"}, "sizes:"),
    ],
)
def test_each_value_of_a_list_is_checked(given, message):
    with pytest.raises(InputError, match=message):
        values(**given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("default: 4", "default: [2, 51]"), "51"),
        (("default: 4", "choices: [2, 4], default: 3"), "default 3"),
        (("{of: draw.size, each: true, default: [64x64, 64x128]}", "{of: draw.model, each: true}"), "takes one value"),
        (("prompt: $say", "prompt: x, negative_prompt: $say, size: $say"), "'size' does not take words"),
        (("prompt: $say", "prompt: $sya"), "must name an earlier step (say)"),
        (("{subject}", "{subject!r}"), "subject!r"),
    ],
)
def test_lists_and_words_that_do_not_fit_are_explained(change, message):
    with pytest.raises(WorkflowError) as caught:
        load(WORDS.replace(*change))
    assert message in str(caught.value)


def test_an_input_is_shared_only_with_its_own_kind():
    text = "title: W\ninputs: {words: draw.prompt}\nsteps: {draw: {use: generate, model: $words}}"
    with pytest.raises(WorkflowError, match="'model' does not take a prompt, so not '\\$words'"):
        load(text)


def test_a_workflow_ends_with_pictures():
    with pytest.raises(WorkflowError, match="the last step, 'say', makes words"):
        load("title: W\ninputs: {}\nsteps: {say: {use: words, template: x}}")


def test_numbers_among_choices_are_read_from_text():
    form = Workflow.load("upscale").form()
    assert form(image=__file__.replace("test_workflow.py", "../../assets/pictures/demo.png"), factor="4").factor == 4


@pytest.mark.parametrize("name", workflow_names())
def test_preview_values_fit_the_form(name):
    workflow = Workflow.load(name)
    shown = workflow.definition.preview
    form, given = workflow.form(), dict(shown.values)
    missing = {key for key, field in form.model_fields.items() if field.is_required()} - set(given)
    kinds = {workflow.inputs()[key].kind.name for key in missing}
    assert kinds <= {"picture", "mask"} or shown.until
    bind(form, {**dict.fromkeys(missing, "assets/pictures/demo.png"), **given})
