"""Many jobs at once: whole workflows side by side, whose pictures are as if each had been made alone."""

import threading
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from studio.config import Settings
from studio.errors import InputError
from studio.pictures.picture import Picture
from studio.runtime.picture_request import PictureRequest
from studio.runtime.session import Session
from studio.steps import generate
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests.diffusion import small

FEW = {"steps": 2, "size": "64x64"}

PROMPTS = ("a red circle on white", "two blue stars", "a (green:1.3) moon on navy", "a teal wave", "a small pink heart")


@pytest.fixture(scope="module")
def packing(tmp_path_factory):
    """A session that makes up to four pictures in a forward pass."""
    return Session(Settings(device="cpu", batch=4, state=tmp_path_factory.mktemp("state")))


def wanted(workflow, asked, out, name="{n}"):
    """One picture for each of these values."""
    known = Workflow.load(workflow)
    jobs = [Job.of(known, {"seed": n, **values}).alone(0) for n, values in enumerate(asked)]
    return [PictureRequest(job, out, name, n, len(jobs)) for n, job in enumerate(jobs)]


def by_prompt(*more, **values):
    return [{"prompt": prompt, **FEW, **values} for prompt in (*PROMPTS, *more)]


def pixels(picture):
    return np.asarray(picture.image).astype(int)


def sizes(picture):
    """How many pictures were in each of its passes."""
    return [one["pictures"] for one in picture.record["passes"]]


def as_alone(session, packing, workflow, asked, tmp_path):
    """The pictures that were made side by side, each found to be as it is alone."""
    several = wanted(workflow, asked, tmp_path / "packed")
    packed = {one.number: made for one, made in packing.run_all(several)}
    for one in several:
        (alone,) = session.run(one.job, out=tmp_path / "alone")
        assert np.abs(pixels(packed[one.number]) - pixels(alone)).max() <= 1
        assert packed[one.number].job == one.job
    return [packed[n] for n in range(len(asked))]


def test_pictures_of_different_jobs_are_as_alone_and_say_how_they_were_made(session, packing, tmp_path):
    asked = by_prompt("a star")
    asked[1]["negative_prompt"] = "white"
    made = as_alone(session, packing, "text-to-image", asked, tmp_path)
    assert sorted(sizes(one)[0] for one in made) == [2, 2, 4, 4, 4, 4]
    assert {one["place"] for picture in made for one in picture.record["passes"]} == {1, 2, 3, 4}
    assert [one.path.name for one in made] == [f"{n}.png" for n in range(1, 7)]
    assert [(one.record["picture"], one.record["of"]) for one in made] == [(n, 6) for n in range(1, 7)]
    assert [one.record["prompt"] for one in made] == [values["prompt"] for values in asked]
    assert all(one.record["seconds"] > 0 for one in made)


def test_both_passes_of_a_large_picture_are_shared(session, packing, tmp_path):
    asked = [{"prompt": prompt, "steps": 3, "size": "64x64", "factor": 1.25} for prompt in PROMPTS[:4]]
    made = as_alone(session, packing, "hires", asked, tmp_path)
    assert [sizes(one) for one in made] == [[4, 4]] * 4


def test_start_pictures_and_masks_differ(session, packing, tmp_path):
    asked = []
    for n, prompt in enumerate(PROMPTS[:3]):
        start = {"image": str(tmp_path / f"start{n}.png"), "mask": str(tmp_path / f"mask{n}.png")}
        mask = Image.new("L", (64, 64))
        mask.paste(255, (20, 20, 40 + 5 * n, 50))
        mask.save(start["mask"])
        small.drawing(n).save(start["image"])
        asked.append({"prompt": prompt, "steps": 2, **start})
    assert [sizes(one) for one in as_alone(session, packing, "inpaint", asked, tmp_path)] == [[3]] * 3


def test_words_that_steps_make_share_a_pass(packing, session, tmp_path):
    job = Job.of(Workflow.load("icon-set"), {"subject": ["heart", "star"], "colour": ["red", "navy"], "seed": 5, **FEW})
    made = list(packing.run(job, out=tmp_path / "packed"))
    for one, alone in zip(made, session.run(job, out=tmp_path / "alone"), strict=True):
        assert np.abs(pixels(one) - pixels(alone)).max() <= 1
        assert one.path.name == alone.path.name
    assert [sizes(one) for one in made] == [[4]] * 4


def test_workflows_of_different_kinds_meet_where_they_ask_for_the_like(packing, tmp_path, write_workflow):
    """A picture changed in a second step meets another that begins with that step."""
    change = "{use: edit, prompt: softer, strength: 0.5, steps: 4, size: 64x64"
    two = write_workflow(
        "title: Two\ninputs: {prompt: draw.prompt}\nsteps:\n"
        f"  draw: {{use: generate, steps: 2, size: 64x64}}\n  change: {change}, image: $draw}}\n"
    )
    first = [PictureRequest(Job.of(Workflow.load(two), {"prompt": prompt}).alone(0), tmp_path, "two-{seed}")
             for prompt in PROMPTS[:2]]  # fmt: skip
    start = tmp_path / "start.png"
    Image.new("RGB", (64, 64), "teal").save(start)
    values = {"image": str(start), "prompt": "softer", "strength": 0.5, "steps": 4, "size": "64x64"}
    other = wanted("image-to-image", [values], tmp_path)
    made = {one.job.seed: picture for one, picture in packing.run_all([*first, *other])}
    assert [sizes(made[one.job.seed]) for one in (*first, *other)] == [[2, 3], [2, 3], [3]]


def test_one_that_fails_fails_alone_wherever_that_is(packing, tmp_path, pictures, monkeypatch):
    asked = wanted("text-to-image", by_prompt("a", "b", "c"), tmp_path)
    asked[1] = PictureRequest(
        asked[1].job.model_copy(update={"pins": {"model:spark": "0" * 64}}), tmp_path, "{n}", 1, 8
    )
    refused = Job.of(Workflow.load("text-to-image"), {"prompt": "a AND b", "negative_prompt": "c AND d", **FEW})
    asked[2] = PictureRequest(refused, tmp_path, "{n}", 2, 8)
    own = generate.run

    def broken(engine, prompt, *given, **named):
        if prompt == PROMPTS[3]:
            raise RuntimeError("a mistake of ours")
        return own(engine, prompt, *given, **named)

    broken.__annotations__, broken.__signature__ = own.__annotations__, __import__("inspect").signature(own)
    monkeypatch.setattr(generate, "run", broken)
    made = {one.number: found for one, found in packing.run_all(asked)}
    problems = {n: str(found) for n, found in made.items() if not isinstance(found, Picture)}
    assert problems.keys() == {1, 2, 3}
    assert "is not the one this was made with" in problems[1]
    assert "AND joins prompts, not negative prompts" in problems[2]
    assert problems[3] == "a mistake of ours"
    assert len(list(tmp_path.glob("*.png"))) == 5


def test_a_job_with_a_failing_picture_says_why_and_keeps_what_was_made(packing, write_workflow, tmp_path):
    workflow = Workflow.load(write_workflow(
        "title: Mine\ninputs: {prompts: {of: draw.prompt, each: true}}\nsteps: {draw: {use: generate, steps: 2}}\n"
    ))  # fmt: skip
    job = Job.of(workflow, {"prompts": ["a star", "a AND b <lora:neon-glow:1:begin=2>", "a moon"], "seed": 1})
    made = []
    with pytest.raises(InputError, match="begin"):
        made.extend(packing.run(job, out=tmp_path))


def test_what_a_watcher_raises_stops_all_and_leaves_no_partial_file(packing, tmp_path):
    def watch(step):
        if (step.picture, step.step) == (4, 2):
            raise ValueError("enough")

    found = []
    with pytest.raises(ValueError, match="enough"):
        found.extend(packing.run_all(wanted("text-to-image", by_prompt(), tmp_path), watch=watch))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.png", "2.png", "3.png", "5.png"]


def test_leaving_ends_what_has_begun(packing, tmp_path):
    made = packing.run_all(wanted("text-to-image", by_prompt(), tmp_path))
    first, _ = next(made)
    made.close()
    before = set(tmp_path.iterdir())
    assert first.number == 0
    list(packing.run(first.job, out=tmp_path / "after"))  # on the same thread, when that is free
    assert set(tmp_path.iterdir()) - before == {tmp_path / "after"}


@pytest.mark.parametrize(("batch", "most"), [(1, 1), (2, 16)])
def test_jobs_are_taken_as_they_are_needed(batch, most, tmp_path):
    taken = []

    def endless():
        (one,) = wanted("text-to-image", [{"prompt": "x", "steps": 1, "size": "64x64"}], tmp_path)
        while True:
            taken.append(threading.current_thread().name)
            yield PictureRequest(one.job, tmp_path, "{n}", len(taken))

    made = Session(Settings(device="cpu", batch=batch)).run_all(endless())
    assert [one.number for one, _ in islice(made, 3)] == [1, 2, 3]
    assert len(taken) <= most + 2
    assert {name.startswith("device") for name in taken} == {True}


def test_steps_tell_of_the_oldest_picture_and_time_runs_out(packing, tmp_path):
    heard = []
    list(packing.run_all(wanted("text-to-image", by_prompt(), tmp_path), watch=heard.append, todo=5))
    assert [(one.picture, one.step) for one in heard] == [(n, step) for n in (1, 4) for step in (1, 2)]
    assert {one.pictures for one in heard} == {5}
    assert heard[0].seconds_left is None
    assert heard[1].seconds_left > 0
    assert heard[-1].seconds_left == 0
