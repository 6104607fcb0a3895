"""Graphs from ComfyUI, drawn here by Spark: the same pictures as our own workflows make."""

import numpy as np

from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests.imports.comfy.graphs import PLAIN, TWO_PASSES, changed, read, with_spark


def pixels(session, folder, workflow, values):
    (picture,) = session.run(Job.of(workflow, values), out=folder)
    return np.asarray(picture.image)


def test_text_to_image(session, tmp_path):
    found = read(PLAIN)
    theirs = pixels(session, tmp_path, Workflow.load(found.workflow), found.values)
    ours = {"prompt": "a red circle on white", "negative_prompt": "blue", "size": "128x64", "steps": 3, "guidance": 2,
            "sampler": "DPM++ 2M Karras", "seed": 7}  # fmt: skip
    assert theirs.shape == (64, 128, 3)
    assert np.array_equal(theirs, pixels(session, tmp_path, Workflow.load("text-to-image"), ours))


def test_two_passes(session, tmp_path):
    """As our large picture where they are just that, and else as steps, which draw the same."""
    large = read(changed(TWO_PASSES, n3={"steps": 4}))
    ours = pixels(session, tmp_path, Workflow.load(large.workflow), large.values)
    apart = read(changed(TWO_PASSES, n3={"steps": 4}, n11={"steps": 3}))
    steps = Workflow.of(apart.workflow, with_spark(apart.definition))
    theirs = pixels(session, tmp_path, steps, {**apart.values, "again_steps": 4})
    assert large.workflow == "hires"
    assert theirs.shape == ours.shape == (128, 256, 3)
    assert np.array_equal(theirs, ours)
    assert not np.array_equal(ours, pixels(session, tmp_path, steps, apart.values))
