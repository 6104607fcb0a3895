import numpy as np
import pytest
from PIL import Image

from studio.config import shipped
from studio.tools.previews import preview
from studio.workflow.workflow import Workflow, workflow_names

TINY = {
    "title": "Tiny",
    "inputs": {"image": "redraw.image", "mask": "redraw.mask", "prompt": "redraw.prompt"},
    "steps": {"redraw": {"use": "inpaint", "steps": 2}},
    "preview": {
        "start": {"prompt": "a red star on white", "steps": 2, "size": "64x64", "seed": 1},
        "values": {"prompt": "a blue star", "seed": 3, "count": 2},
    },
}


@pytest.mark.parametrize("name", workflow_names())
def test_every_workflow_has_a_small_preview(name):
    path = shipped("assets") / "previews" / f"{name}.webp"
    assert path.stat().st_size <= 40_000
    assert Image.open(path).width == 512


def test_a_preview_shows_what_it_began_with_and_what_came_of_it(session):
    page = preview(session, Workflow.of("tiny", TINY))
    assert page.width == 512
    visible = (np.asarray(page)[..., 3] > 0).all(0)
    assert np.diff(visible.astype(int)).clip(0).sum() + visible[0] == 4  # picture, mask, two results


@pytest.mark.parametrize(("until", "shown"), [("lines", 2), ("start", 1)])
def test_a_preview_may_stop_where_something_is_needed_that_is_not_here(until, shown, session):
    inputs = {"image": "lines.image", "prompt": "draw.prompt", "controlnet": "follow.controlnet"}
    steps = {
        "lines": {"use": "lines"},
        "follow": {"use": "control", "image": "$lines"},
        "draw": {"use": "generate", "guide": "$follow"},
    }
    about = {"start": TINY["preview"]["start"], "until": until}
    page = preview(session, Workflow.of("tiny", {"title": "Tiny", "inputs": inputs, "steps": steps, "preview": about}))
    visible = (np.asarray(page)[..., 3] > 0).all(0)
    assert np.diff(visible.astype(int)).clip(0).sum() + visible[0] == shown


def test_it_is_the_same_every_time(session):
    workflow = Workflow.of("tiny", TINY)
    assert preview(session, workflow) == preview(session, workflow)
