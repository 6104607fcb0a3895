"""A dry run requests the same pictures as a real run: their work is the same to the last digit."""

import pytest
from PIL import Image

from studio.diffusion import pipelines
from studio.runtime.workflow_executor import rehearse
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here

TINY = {"steps": 2, "size": "64x64"}
DRAWN = {"prompt": "a star"}
CASES = {
    "text-to-image": DRAWN | TINY,
    "hires": DRAWN | TINY | {"strength": 0.5},
    "seamless-pattern": DRAWN | TINY,
    "regions": TINY | {"left": "a star", "right": "a heart", "prompt": "cream"},
    "social-set": DRAWN | {"steps": 2, "size": "200x200"},
    "grid": DRAWN | {"x": "steps=1,2", "y": "guidance=1,4", "settings": "size=64x64"},
    "poster": DRAWN | TINY | {"steps": 10, "title": "Star", "factor": 2},
    "upscale": {"image": "start.png", "steps": 10, "factor": 2},
    "outpaint": DRAWN | {"image": "start.png", "steps": 2, "left": 8, "right": 0, "above": 8},
    "inpaint": DRAWN | {"image": "start.png", "mask": "mask.png", "steps": 1},
    "variations": DRAWN | {"image": "start.png", "steps": 3},
}


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (256, 128), "red").save("start.png")
    mask = Image.new("L", (256, 128))
    mask.paste(255, (0, 0, 64, 64))
    mask.save("mask.png")


@pytest.mark.parametrize("name", CASES)
def test_the_work_of_a_rehearsal_is_that_of_the_picture(name, start, session, tmp_path, monkeypatch):
    job = Job.of(Workflow.load(name), CASES[name] | {"seed": 1}).alone(0)
    with monkeypatch.context() as nothing_is_loaded:
        nothing_is_loaded.setattr(pipelines.Pipelines, "get", None)
        effort = rehearse(here.resolved(job), here.library())
    picture = next(session.run(job, out=tmp_path / "out"))
    assert picture.record["work"] == pytest.approx(effort.work, abs=1e-6)
    assert picture.image.width * picture.image.height == effort.pixels
