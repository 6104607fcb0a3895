"""Steps handed from one to another, and how far along they say they are."""

import pytest

from studio.diffusion.engine import Engine
from studio.parameters.sampling import Sampling
from studio.runtime.workflow_executor import run_workflow
from studio.steps import generate
from studio.workflow.job import Job
from studio.workflow.resolve import Assets, arguments_of
from studio.workflow.workflow import Workflow
from tests import here

TWO = {
    "title": "Two",
    "inputs": {"what": {"of": "say.subject", "each": True}},
    "steps": {
        "say": {"use": "words", "template": "a {subject} on white"},
        "draw": {"use": "generate", "prompt": "$say", "steps": 2, "size": "64x64"},
        "change": {"use": "edit", "image": "$draw", "prompt": "$say", "steps": 3, "strength": 1, "size": "64x64"},
    },
}


@pytest.fixture(scope="module")
def pipelines():
    return here.pipelines()


def test_words_become_the_prompt(pipelines):
    steps = {name: TWO["steps"][name] for name in ("say", "draw")}
    workflow = Workflow.of("one", {**TWO, "steps": steps})
    job = Job.of(workflow, {"what": "star, orange moon", "seed": 3})
    made = run_workflow(
        workflow, arguments_of(workflow, job.alone(1).values, Assets(here.library())), Engine(pipelines, 3)
    )
    assert made.prompt == "an orange moon on white"
    assert made.picture == generate.run(Engine(pipelines, 3), made.prompt, size=(64, 64), sampling=Sampling(steps=2))


def test_reports_rise_over_the_steps_that_take_time(pipelines):
    heard = []
    engine = Engine(pipelines, 3, lambda step, steps: heard.append(step / steps))
    two = Workflow.of("two", TWO)
    run_workflow(two, arguments_of(two, {"what": ["star"]}, Assets(here.library())), engine)
    assert heard == [1 / 4, 1 / 2, 4 / 6, 5 / 6, 1]


def test_one_input_serves_two_steps(pipelines):
    steps = {
        "draw": {"use": "generate", "steps": 2, "size": "64x64"},
        "change": {"use": "edit", "image": "$draw", "prompt": "$what", "model": "$model", "steps": 2, "size": "64x64"},
    }
    inputs = {"what": "draw.prompt", "model": {"of": "draw.model", "default": "spark"}}
    shared = Workflow.of("shared", {"title": "Shared", "inputs": inputs, "steps": steps})
    job = Job.of(shared, {"what": "a star", "seed": 3})
    assert job.models() == ["spark"]
    apart = {"draw": steps["draw"], "change": {**steps["change"], "prompt": "a star", "model": "spark"}}
    own = Workflow.of("apart", {"title": "Apart", "inputs": inputs, "steps": apart})
    engine = Engine(pipelines, 3)
    one, other = (
        run_workflow(each, arguments_of(each, job.values, Assets(here.library())), engine) for each in (shared, own)
    )
    assert one.picture == other.picture
