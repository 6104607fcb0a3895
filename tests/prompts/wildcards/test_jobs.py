"""Jobs whose prompts are drawn."""

import shutil
from dataclasses import replace

import pytest

from studio.config import Settings
from studio.errors import InputError
from studio.galleries.file_metadata import read
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here


def drawing_from(folder):
    """The library with this folder of wildcards."""
    return replace(here.library(), wildcards=folder)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pet.txt").write_text("a __dog__\na cat\n")
    (tmp_path / "dog.txt").write_text("pug\nhusky\n")
    return tmp_path


def asked(text_to_image, **values):
    return Job.of(text_to_image, {"prompt": "a {red|navy|teal} star on __pet__", "seed": 3, "count": 20, **values})


def test_a_picture_s_job_holds_the_words_that_were_drawn(text_to_image, folder):
    job = asked(text_to_image).with_wildcards(drawing_from(folder))
    prompts = [job.alone(n).values["prompt"] for n in range(job.total)]
    assert len(set(prompts)) > 5
    assert not any("{" in prompt or "__" in prompt for prompt in prompts)
    alone = job.alone(7)
    assert (alone.draws, alone.wildcards) == ((), {})
    assert alone.alone(0) == alone == Job.from_json(alone.model_dump_json())


def test_a_job_carries_its_wildcards_where_the_folder_is_not(text_to_image, folder, tmp_path):
    job = asked(text_to_image).with_wildcards(drawing_from(folder))
    sent = Job.from_json(job.model_dump_json()).with_wildcards(drawing_from(tmp_path / "nowhere"))
    assert sent.alone(4) == job.alone(4)


def test_a_plain_prompt_draws_nothing(text_to_image, tmp_path):
    job = Job.of(text_to_image, {"prompt": "a {subject} (red:1.2)", "negative_prompt": "{a|b}"})
    assert job.draws == ("negative_prompt",)
    assert job.alone(0).values["prompt"] == "a {subject} (red:1.2)"
    assert job.alone(0).values["negative_prompt"] in ("a", "b")


def test_the_same_seed_says_the_same_in_each_combination(write_workflow):

    workflow = Workflow.load(
        write_workflow(
            "title: x\ninputs:\n  prompt: d.prompt\n  size: {of: d.size, each: true}\nsteps: {d: {use: generate}}\n"
        )
    )
    job = Job.of(workflow, {"prompt": "{a|b|c|d|e|f}", "size": ["64x64", "64x128"], "seed": 1, "count": 2})
    one, other, later, _ = (job.alone(n).values["prompt"] for n in range(4))
    assert one == other != later


def test_a_seed_of_their_own_draws_the_same_words_for_every_picture(text_to_image, folder):
    jobs = [asked(text_to_image, seed=seed, wildcard_seed=5).with_wildcards(drawing_from(folder)) for seed in (3, 900)]
    words = {job.alone(n).values["prompt"] for job in jobs for n in range(20)}
    assert len(words) == 1
    other = {
        asked(text_to_image, wildcard_seed=lot).with_wildcards(drawing_from(folder)).alone(0).values["prompt"]
        for lot in range(20)
    }
    assert len(other) > 5


def test_it_goes_with_a_job_and_not_with_a_picture(text_to_image, folder):
    job = asked(text_to_image, wildcard_seed=0).with_wildcards(drawing_from(folder))
    assert Job.from_json(job.model_dump_json()).alone(4) == job.alone(4)
    assert job.with_values({"seed": 8}).with_wildcards(drawing_from(folder)).alone(0).values == job.alone(0).values
    assert "wildcard_seed" not in job.alone(0).values
    assert here.resolved(job)
    assert asked(text_to_image).values.keys() == job.values.keys() - {"wildcard_seed"}


def test_only_a_workflow_with_a_prompt_asks_for_it(write_workflow):

    text = "title: x\ninputs: {picture: e.image}\nsteps: {e: {use: edit, prompt: a star}}\n"
    assert "wildcard_seed" not in Workflow.load(write_workflow(text)).form().model_fields


def test_a_prompt_in_a_list_is_drawn_too(write_workflow):

    workflow = Workflow.load(
        write_workflow("title: x\ninputs:\n  prompt: {of: d.prompt, each: true}\nsteps: {d: {use: generate}}\n")
    )
    job = Job.of(workflow, {"prompt": "a {red|blue} star, sea", "seed": 1})
    assert job.total == 2
    assert job.alone(0).values["prompt"] in (["a red star"], ["a blue star"])


def test_the_session_reads_them_from_its_settings_before_anything_starts(text_to_image, folder, tmp_path):
    session = Session(Settings(device="cpu", state=tmp_path / "state", wildcards=folder))
    job = Job.of(text_to_image, {"prompt": "__pet__", "steps": 1, "size": "64x64", "seed": 5})
    (picture,) = session.run(job, out=tmp_path / "out")
    assert picture.job.values["prompt"] in ("a pug", "a husky", "a cat")
    assert picture.record["job"]["values"]["prompt"] == picture.job.values["prompt"]
    with pytest.raises(InputError, match="no wildcard 'none'"):
        session.submit(Job.of(text_to_image, {"prompt": "__none__"}))
    session.close()


NEON, PAPER = "lora:neon-glow", "lora:paper-cut-out"


def loras_of(job):
    return {name for name in job.pins if name.startswith("lora:")}


def test_a_picture_s_job_rests_on_the_loras_that_were_drawn(text_to_image, tmp_path):
    (tmp_path / "style.txt").write_text("<lora:neon-glow:1> neon\nplain\n")
    prompts = {
        "a {<lora:neon-glow:1>|<lora:paper-cut-out:1>|} star": {(NEON,), (PAPER,), ()},
        "a <lora:{neon-glow|paper-cut-out}:1> star <lora:neon-glow:1>": {(NEON,), (NEON, PAPER)},
        "{2$$<lora:neon-glow:1>|<lora:paper-cut-out:1>} star": {(NEON, PAPER)},
        "${style={<lora:neon-glow:1>|}}a star ${style}": {(NEON,), ()},
        "a star {__style__|x}": {(NEON,), ()},
    }
    for prompt, drawn in prompts.items():
        for values in ({"prompt": prompt}, {"prompt": "x", "negative_prompt": prompt}):
            job = Job.of(text_to_image, values | {"seed": 1, "count": 20}).with_wildcards(drawing_from(tmp_path))
            alone = [job.alone(n) for n in range(job.total)]
            assert {tuple(sorted(loras_of(one))) for one in alone} == drawn
            assert loras_of(job) == {pin for pins in drawn for pin in pins}
            assert all(here.resolved(one) and Job.from_json(one.model_dump_json()) == one for one in alone[:2])


def test_a_lora_that_is_drawn_and_not_there_is_told_before_anything_starts(text_to_image, tmp_path):
    (tmp_path / "style.txt").write_text("<lora:nowhere:1>\n")
    for prompt in ("__style__", "<lora:{nowhere|nowhere}:1>", "<lora:a__b__c:1>"):
        with pytest.raises(InputError, match="LoRA '(nowhere|a__b__c)'"):
            Job.of(text_to_image, {"prompt": prompt, "seed": 1}).with_wildcards(drawing_from(tmp_path))
    Job.of(text_to_image, {"prompt": "a star {__style__|x}", "seed": 5}).with_wildcards(
        drawing_from(tmp_path)
    )  # draws "x"
    with pytest.raises(InputError, match="LoRA 'nowhere'"):
        Job.of(text_to_image, {"prompt": "{<lora:nowhere:1>|x}", "seed": 1})


def test_a_lora_whose_name_holds_double_underscores(text_to_image, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path))
    shutil.copy(here.lora("neon-glow"), tmp_path / "a__b__c.safetensors")
    job = Job.of(text_to_image, {"prompt": "a {red|red} star <lora:a__b__c:1>", "seed": 1}).with_wildcards(
        drawing_from(tmp_path)
    )
    assert loras_of(job.alone(0)) == {"lora:a__b__c"}
    assert job.alone(0).values["prompt"] == "a red star <lora:a__b__c:1>"
    assert here.resolved(job.alone(0))
    again = Job.of(text_to_image, job.alone(0).values | {"seed": 1}).with_wildcards(drawing_from(tmp_path))
    assert again.alone(0) == job.alone(0)


def test_a_file_names_only_what_was_drawn(session, text_to_image, tmp_path):
    values = {"prompt": "a {|<lora:neon-glow:1>} star", "steps": 1, "size": "64x64", "count": 6, "seed": 3}
    for picture in session.run(Job.of(text_to_image, values), out=tmp_path):
        drawn = ["neon-glow"] if "neon" in picture.job.values["prompt"] else []
        assert list(picture.record["loras"]) == drawn
        assert picture.job.rests_on("lora") == drawn
        assert ("neon-glow: d3837d45520e" in picture.image.info["parameters"]) == bool(drawn)
        assert ('"lora\\u003aneon-glow"' in picture.image.info["parameters"]) == bool(drawn)
        assert [used.name for used in read(picture.path).uses if used.kind == "lora"] == drawn


def test_a_grid_rests_on_what_its_axes_name():
    grid = {"x": "loras=neon-glow:0.5|paper-cut-out:1", "prompt": "a {<lora:neon-glow:1>|x}", "seed": 1}
    job = Job.of(Workflow.load("grid"), grid)
    assert loras_of(job) == {NEON, PAPER}
    assert job.rests_on("model") == ["spark"]
    assert loras_of(job.alone(0)) == {NEON, PAPER}
    words = Job.of(Workflow.load("grid"), {"x": "prompt=a star|<lora:neon-glow:1> moon", "seed": 1})
    assert loras_of(words) == {NEON}
