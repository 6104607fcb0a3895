"""The main job, through its public door, on the real model at few steps."""

import sqlite3

import numpy as np
import pytest
from PIL import Image

from studio.config import Settings
from studio.errors import InputError, OutputError
from studio.galleries.database import FILE
from studio.galleries.entry import UsedAsset
from studio.galleries.gallery import Gallery
from studio.pictures.picture import Picture
from studio.runtime.events import Step
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests.conftest import FEW


def pixels(picture):
    return np.asarray(picture.image).astype(int)


def test_each_picture_is_a_file_with_its_own_seed(pictures):
    assert [p.job.seed for p in pictures] == [7, 8, 9]
    assert [p.path.name for p in pictures] == [f"text-to-image-{7 + n}-{n + 1}.png" for n in range(3)]
    assert [(p.record["picture"], p.record["of"]) for p in pictures] == [(1, 3), (2, 3), (3, 3)]
    assert (pixels(pictures[0]) != pixels(pictures[1])).any()


def test_a_picture_repeats_from_its_file_alone(session, pictures, tmp_path):
    (again,) = session.run(Picture(pictures[1].path).job, out=tmp_path)
    assert (pixels(again) == pixels(pictures[1])).all()
    assert again.job == pictures[1].job


def test_a_batch_gives_the_same_pictures_as_one_by_one(pictures, text_to_image, tmp_path):
    batched = Session(Settings(device="cpu", batch=3))
    job = Job.of(text_to_image, {"prompt": "a red circle on white", "seed": 7, "count": 3, **FEW})
    for one, other in zip(pictures, batched.run(job, out=tmp_path), strict=True):
        difference = np.abs(pixels(one) - pixels(other))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.001


def test_edit_keeps_the_shape_of_the_picture_and_changes_it(session, pictures, tmp_path):
    start = tmp_path / "start.png"
    Image.new("RGBA", (300, 150), (255, 0, 0, 128)).save(start)
    workflow = Workflow.load("image-to-image")
    job = Job.of(workflow, {"image": str(start), "prompt": "a blue star", "seed": 1, "steps": 4, "strength": 0.5})
    (picture,) = session.run(job, out=tmp_path / "out")
    assert picture.image.size == (360, 184)
    (again,) = session.run(picture.job, out=tmp_path / "out")
    assert (pixels(again) == pixels(picture)).all()


def test_a_lower_strength_stays_closer_to_the_picture(session, pictures, tmp_path):
    def distance(strength):
        values = {"image": str(pictures[0].path), "prompt": "a navy moon on black", "seed": 2, "strength": strength}
        (picture,) = session.run(Job.of(Workflow.load("image-to-image"), {**values, "steps": 10}), out=tmp_path)
        return np.abs(pixels(picture) - pixels(pictures[0])).mean()

    assert distance(0.2) < distance(1.0)


def test_steps_are_chained(session, write_workflow, tmp_path):
    workflow = Workflow.load(write_workflow(
        "title: Two\n"
        "inputs: {prompt: draw.prompt}\n"
        "steps:\n"
        "  draw: {use: generate, steps: 2}\n"
        "  change: {use: edit, image: $draw, prompt: softer, steps: 4, strength: 0.5, size: 64x128}\n"
    ))  # fmt: skip
    made = list(session.run(Job.of(workflow, {"prompt": "a star", "count": 2}), out=tmp_path))
    assert [p.image.size for p in made] == [(64, 128)] * 2


def test_progress_counts_up_and_ends_with_nothing_left(session, text_to_image, tmp_path):
    heard: list[Step] = []
    job = Job.of(text_to_image, {"prompt": "x", "count": 2, **FEW})
    list(session.run(job, out=tmp_path, watch=heard.append))
    assert [(p.picture, p.step) for p in heard] == [(n, s) for n in (1, 2) for s in (1, 2, 3)]
    assert heard[0].seconds_left is None
    assert heard[-1].seconds_left == 0


def test_stopping_keeps_what_is_finished_and_nothing_else(session, text_to_image, tmp_path):
    def stop(progress: Step) -> None:
        if (progress.picture, progress.step) == (2, 2):
            raise KeyboardInterrupt

    job = Job.of(text_to_image, {"prompt": "x", "seed": 5, "count": 3, **FEW})
    with pytest.raises(KeyboardInterrupt):
        list(session.run(job, out=tmp_path, watch=stop))
    assert [p.name for p in tmp_path.iterdir()] == ["text-to-image-5-1.png"]
    (after,) = session.run(job.alone(1), out=tmp_path)
    (fresh,) = Session(Settings(device="cpu")).run(job.alone(1), out=tmp_path)
    assert (pixels(after) == pixels(fresh)).all()


def test_wrong_input_writes_nothing(session, text_to_image, pictures, tmp_path):
    with pytest.raises(InputError, match="cannot name a file"):
        list(session.run(pictures[0].job, out=tmp_path / "a", name="../x"))
    values = {"image": str(pictures[0].path), "prompt": "x", "strength": 0.01}
    with pytest.raises(InputError, match="leaves none to run"):
        list(session.run(Job.of(Workflow.load("image-to-image"), values), out=tmp_path / "b"))
    assert list(tmp_path.rglob("*.*")) == []


def test_a_folder_that_cannot_be_written_fails_before_the_work(session, pictures, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write to"):
        next(session.run(pictures[0].job, out=tmp_path / "file" / "out"))


def test_each_picture_is_in_the_gallery_at_once(session, pictures, tmp_path):
    job = pictures[0].job.with_values({"steps": 1, "loras": ["neon-glow"]})
    (queued,) = session.submit(job, out=tmp_path).wait()
    (unlisted,) = session.run(job, out=tmp_path / "unlisted", listed=False)
    listed = {file for entry in session.gallery.find("red circle").entries for file in entry.files}
    assert {queued.path, *(picture.path for picture in pictures)} <= listed
    assert unlisted.path not in listed
    (styled,) = session.gallery.find("lora:neon licence:apache", folder=tmp_path).entries
    assert styled.uses == (UsedAsset("model", "spark", "apache-2.0"), UsedAsset("lora", "neon-glow", "apache-2.0"))


def test_a_broken_or_locked_gallery_fails_no_job(text_to_image, tmp_path, caplog):
    state, job = tmp_path / "state", Job.of(text_to_image, {"prompt": "a star", "seed": 3, "steps": 1})
    state.mkdir()
    (state / FILE).write_bytes(b"nonsense " * 1000)
    session = Session(Settings(device="cpu", state=state, output=tmp_path / "out"))
    (first,) = session.run(job)
    (second,) = session.submit(job).wait()
    assert "studio gallery rebuild" in caplog.text
    assert Gallery.rebuilt(state).entry(first.path).seed == 3
    other = sqlite3.connect(state / FILE)
    other.execute("BEGIN IMMEDIATE")
    (third,) = session.run(job)
    assert "locked" in caplog.text
    other.rollback()
    session.gallery.refresh()
    assert {entry.path for entry in session.gallery.find().entries} == {first.path, second.path, third.path}
    session.close()
