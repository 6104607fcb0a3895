import json

import pytest
from PIL import Image

from studio.errors import InputError
from studio.job import Job
from studio.workflow import Workflow


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
        job.checked()
    assert job.with_values({"model": "spark"}).checked()


def test_a_changed_picture_is_named(tmp_path):
    path = tmp_path / "start.png"
    Image.new("RGB", (64, 64), "red").save(path)
    job = Job.of(Workflow.load("image-to-image"), {"image": str(path), "prompt": "x"})
    job.checked()
    Image.new("RGB", (64, 64), "blue").save(path)
    with pytest.raises(InputError, match="picture 'image' is not the one"):
        job.checked()


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"workflow": 3}', "{" * 100])
def test_foreign_json_is_refused_in_one_line(text):
    with pytest.raises(InputError, match="not a job"):
        Job.from_json(text)


def test_a_hostile_definition_is_checked_before_it_runs(text_to_image):
    job = Job.of(text_to_image, {"prompt": "x"})
    wide = {**job.definition, "inputs": {"prompt": "draw.prompt", "steps": {"of": "draw.steps", "le": 9999}}}
    with pytest.raises(InputError, match="wider"):
        job.model_copy(update={"definition": wide}).checked()
