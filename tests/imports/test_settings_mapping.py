"""What another tool asks is taken where a form takes it, and named with the reason where not."""

import pytest

from studio.imports.settings_mapping import fit_to_workflow, form_of, shown
from studio.workflow.workflow import Workflow, bind

WORKFLOW = Workflow.load("image-to-image")


def test_values_that_fit_are_kept_as_they_are():
    values = {"prompt": "a cat", "steps": 30, "guidance": 7, "size": "512x768", "seed": 4294967295}
    assert fit_to_workflow(WORKFLOW, values) == (values, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 200),
        ("guidance", float("nan")),
        ("guidance", 10**400),
        ("strength", 0),
        ("seed", 2**32),
        ("size", "513x512"),
        ("size", [1, [2]]),
        ("sampler", "Restart"),
        ("sampler", {"a": 1}),
        ("prompt", "\ud800"),
        ("prompt", "long " * 2_001),
        ("clip_skip", -1),
        ("no such input", 1),
    ],
)
def test_what_does_not_fit_is_left_with_its_name_there_and_a_reason(name, value):
    values, (left,) = fit_to_workflow(WORKFLOW, {"prompt": "a cat", "count": 2, name: value}, {name: "X"})
    assert name not in values
    assert values["count"] == 2
    assert (left.name, left.value) == ("X", shown(value))
    assert left.why
    assert len(left.why) < 200
    bind(form_of("text-to-image"), {"prompt": "words", **values})


def test_any_value_is_shown_as_text_that_can_be_printed():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in ["\x00\ud800", deep, {1: {2}}, float("inf"), "x" * 10_000_000]:
        shown(value).encode()
        assert 0 < len(shown(value)) <= 2_001
    assert shown(["é", 1]) == '["é", 1]'
