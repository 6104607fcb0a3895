import json

import pytest
from PIL import Image

from studio.errors import InputError
from studio.model_files.hashes import read_digest
from studio.prompts.lora import Lora
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here
from tests.lora import files


def test_a_job_is_json_and_comes_back_equal(text_to_image):
    job = Job.of(text_to_image, {"prompt": "ein Stern ★", "size": "64x128", "count": 2})
    assert Job.from_json(json.dumps(job.model_dump(mode="json"))) == job
    assert job.values["size"] == "64x128"


def test_the_seed_is_drawn_once_and_recorded(text_to_image):
    seeds = {Job.of(text_to_image, {"prompt": "x"}).seed for _ in range(5)}
    assert len(seeds) == 5
    assert Job.of(text_to_image, {"prompt": "x", "seed": 3, "count": 3}).seeds() == [3, 4, 5]
    assert Job.of(text_to_image, {"prompt": "x", "seed": 2**32 - 1, "count": 2}).seeds() == [2**32 - 1, 0]


def test_alone_is_the_job_of_one_picture(text_to_image):
    job = Job.of(text_to_image, {"prompt": "x", "seed": 3, "count": 3})
    assert (job.alone(2).seed, job.alone(2).count) == (5, 1)


def test_models_are_pinned_also_where_the_step_decides(text_to_image):
    assert set(Job.of(text_to_image, {"prompt": "x"}).pins) == {"model:spark"}


def test_a_changed_model_is_named_with_both_hashes(text_to_image):
    job = Job.of(text_to_image, {"prompt": "x"}).model_copy(update={"pins": {"model:spark": "0" * 64}})
    with pytest.raises(InputError, match=r"model 'spark' is not the one .* expected 000000000000"):
        here.resolved(job)
    assert here.resolved(job.with_values({"model": "spark"}))


def test_a_changed_picture_is_named(tmp_path):
    path = tmp_path / "start.png"
    Image.new("RGB", (64, 64), "red").save(path)
    job = Job.of(Workflow.load("image-to-image"), {"image": str(path), "prompt": "x"})
    here.resolved(job)
    Image.new("RGB", (64, 64), "blue").save(path)
    with pytest.raises(InputError, match="picture 'image' is not the one"):
        here.resolved(job)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"workflow": 3}', "{" * 100])
def test_foreign_json_is_refused_in_one_line(text):
    with pytest.raises(InputError, match="not a job"):
        Job.from_json(text)


def test_a_hostile_definition_is_checked_before_it_runs(text_to_image):
    job = Job.of(text_to_image, {"prompt": "x"})
    wide = {**job.definition, "inputs": {"prompt": "draw.prompt", "steps": {"of": "draw.steps", "le": 9999}}}
    with pytest.raises(InputError, match="wider"):
        here.resolved(job.model_copy(update={"definition": wide}))


def icons(**given):
    return Job.of(
        Workflow.load("icon-set"), {"subject": "heart, star", "colour": "red, teal, navy", "seed": 5, **given}
    )


def test_lists_fan_out_for_each_seed():
    job = icons(count=2)
    assert job.total == 12
    made = [(one.seed, *one.values["subject"], *one.values["colour"]) for one in map(job.alone, range(12))]
    assert made[:4] == [(5, "heart", "red"), (5, "heart", "teal"), (5, "heart", "navy"), (5, "star", "red")]
    assert made[6:] == [(6, *rest) for _, *rest in made[:6]]


def test_a_picture_of_a_set_is_repeated_alone():
    one = icons(count=2).alone(7)
    assert one.total == 1
    assert one.alone(0) == one == Job.from_json(one.model_dump_json())
    here.resolved(one)


def test_a_job_has_an_end():
    with pytest.raises(InputError, match="makes 60,000 pictures"):
        icons(subject=["x"] * 20, count=1000)


def test_a_grid_rests_on_the_model_of_what_it_runs():
    assert set(Job.of(Workflow.load("grid"), {"prompt": "x"}).pins) == {"model:spark"}


def test_masks_are_pinned_and_what_is_left_out_is_not(tmp_path):
    path = str(tmp_path / "x.png")
    Image.new("RGB", (64, 64), "white").save(path)
    job = Job.of(Workflow.load("inpaint"), {"image": path, "mask": path, "prompt": "x"})
    assert {"picture:image", "picture:mask"} < set(job.pins)
    assert set(Job.of(Workflow.load("poster"), {"prompt": "x", "title": "y"}).pins) == {"model:spark"}


def test_what_is_left_open_becomes_what_suits_the_model(text_to_image):
    assert text_to_image.form().model_validate({"prompt": "x"}).steps is None
    job = Job.of(text_to_image, {"prompt": "a red circle", "guidance": 3})
    assert (job.values["steps"], job.values["guidance"]) == (20, 3)


def test_each_wrong_input_is_named(text_to_image):
    with pytest.raises(InputError) as caught:
        Job.of(text_to_image, {"steps": 0, "guidance": 99})
    assert set(caught.value.wrong) == {"prompt", "steps", "guidance"}
    assert caught.value.wrong["prompt"] == "required"


@pytest.fixture
def neon(tmp_path, monkeypatch):
    """A LoRA in the folder of parts."""
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path))
    (tmp_path / "styles").mkdir()
    return files.write(
        files.kohya("lora_unet_mid_block_attentions_0_proj_in", (8, 8)), tmp_path / "styles/neon.safetensors"
    )


def test_loras_are_pinned_and_told_wherever_they_are_named(neon, text_to_image):
    asked = {"loras": "styles/neon:0.5", "prompt": "a {star|<lora:neon:0.2> moon}"}
    job = Job.of(text_to_image, asked)
    assert job.values["loras"] == ["styles/neon:0.5"]
    assert set(job.rests_on("lora")) == {"styles/neon", "neon"}
    assert {job.pins[f"lora:{name}"] for name in job.rests_on("lora")} == {read_digest(neon)}
    assert job.loras() == [Lora("styles/neon", 0.5)]
    assert Job.of(text_to_image, {"prompt": "x", "loras": str(neon)}).rests_on("lora") == [str(neon)]


def test_a_lora_that_is_not_there_or_has_changed_is_named(neon, text_to_image):
    for asked in ({"loras": ["noen"]}, {"prompt": "<lora:noen:1>"}):
        with pytest.raises(InputError, match="no LoRA 'noen'"):
            Job.of(text_to_image, {"prompt": "x", **asked})
    job = Job.of(text_to_image, {"prompt": "x", "loras": ["neon"]})
    neon.write_bytes(neon.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"lora 'neon' is not the one .* give --loras neon"):
        here.resolved(job)


def test_a_workflow_may_fix_its_loras(neon, write_workflow):
    text = "title: x\ninputs: {{prompt: a.prompt}}\nsteps:\n  s: {{use: lora, loras: {}}}\n"
    text += "  a: {{use: generate, guide: $s}}\n"
    job = Job.of(Workflow.load(write_workflow(text.format("'neon:0.5, styles/neon'"))), {"prompt": "x"})
    assert job.loras() == [Lora("neon", 0.5), Lora("styles/neon")]
    with pytest.raises(InputError, match="no LoRA 'noen'"):
        Workflow.load(write_workflow(text.format("[noen]")))
