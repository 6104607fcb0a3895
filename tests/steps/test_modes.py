"""The steps that draw in other ways than from words or from a picture, and those that give a guide."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.parameters.sampling import ModelSampling, Sampling
from studio.steps import hires, instruct, lines, refine, region, vae
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here
from tests.diffusion import small


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


def test_a_second_pass_is_larger_and_like_the_first(engine):
    heard = []
    listening = replace(engine, report=lambda step, steps: heard.append(step / steps))
    made = hires.run(listening, "a red star on white", 1.5, strength=0.3, size=(64, 64), sampling=Sampling(steps=4))
    assert made.size == (96, 96)
    assert heard == sorted(heard)
    assert heard[-1] == 1


def test_a_refiner_goes_on_where_the_other_stops(engine, card):
    """One model that hands over to itself draws what it draws alone; another draws something else."""
    from studio.steps import generate

    base, refiner = card("sdxl"), card("sdxl_refiner")
    heard = []
    listening = replace(engine, report=lambda step, steps: heard.append(step / steps))
    sampling = ModelSampling(steps=10, guidance=5.0, model=str(base.path))
    made = {
        at: refine.run(listening, "a star", sampling, refiner=str(refiner.path), at=at, size=(64, 64)).tobytes()
        for at in (0.5, 0.8)
    }
    alone = generate.run(engine, "a star", (64, 64), sampling)
    assert len({*made.values(), alone.tobytes()}) == 3
    itself = refine.run(engine, "a star", sampling, refiner=str(base.path), at=0.5, size=(64, 64))
    assert small.difference(itself, alone) <= 1
    assert max(heard) == 1


def test_a_model_that_cannot_hand_over_says_so(engine):
    with pytest.raises(InputError, match="Stable Diffusion 1 cannot hand a picture over to a refiner"):
        refine.run(engine, "a star", ModelSampling(model="spark"), refiner="spark")


@pytest.fixture(scope="module")
def instructed(tmp_path_factory):
    return str(small.spark_with(8, tmp_path_factory.mktemp("models") / "instructed").path)


def test_an_instruction_changes_the_picture(engine, instructed):
    picture, sampling = small.drawing(size=(128, 64)), ModelSampling(model=instructed, steps=3)
    one = instruct.run(engine, picture, "make it night", sampling)
    assert one.width > one.height
    assert one == instruct.run(engine, picture, "make it night", sampling)
    assert one != instruct.run(engine, picture, "make it a day", sampling)
    assert one != instruct.run(engine, picture, "make it night", sampling, likeness=3.0)
    assert one != instruct.run(engine, small.drawing(1, (128, 64)), "make it night", sampling)


def test_models_for_other_work_say_what_they_do(engine, instructed):
    from studio.steps import generate

    with pytest.raises(InputError, match="Stable Diffusion 1 cannot do instruct, .*, for example FLUX.1 Kontext"):
        instruct.run(engine, small.drawing(), "make it night", ModelSampling(model="spark"))
    with pytest.raises(InputError, match="Stable Diffusion 1 for instructions cannot do text-to-image, only instruct"):
        generate.run(engine, "a star", sampling=Sampling(model=instructed))


def test_a_model_trained_to_inpaint_follows_a_controlnet(engine, tmp_path):
    from studio.parameters.conditioning import NO_GUIDE, ControlImage, Guide
    from studio.steps import inpaint

    model = str(small.spark_with(9, tmp_path / "inpaints").path)
    picture, mask = small.drawing(), Image.new("L", (64, 64), 255)
    guide = Guide(controls=(ControlImage(small.controlnet(tmp_path / "net"), small.drawing(2)),))
    plain, followed = (
        inpaint.run(engine, picture, mask, "a star", sampling=Sampling(steps=3, model=model, guide=one))
        for one in (NO_GUIDE, guide)
    )
    assert plain != followed


def test_lines_are_of_the_pictures_size_and_kind(engine):
    picture = small.drawing(size=(96, 64))
    made = [lines.run(engine, picture, kind) for kind in ("edges", "scribble", "drawing", "as it is")]
    assert {one.size for one in made} == {(96, 64)}
    assert len({one.tobytes() for one in made}) == 4
    assert made[-1] == picture


def test_an_area_is_where_its_name_says(engine):
    masks = {name: np.asarray(region.run(engine, "x", name).regions[0].mask) for name in region._BOXES}
    assert (masks["all"] == 255).all()
    assert masks["left"][256, 100] == masks["top"][100, 256] == masks["middle"][256, 256] == 255
    assert masks["left"][256, 400] == masks["right"][256, 100] == masks["middle"][20, 20] == 0
    painted = Image.new("RGB", (64, 64), "white")
    assert region.run(engine, "x", mask=painted).regions[0].mask.getextrema() == (255, 255)


def test_guides_add_up(engine, tmp_path):
    both = region.run(engine, "b", "right", guide=region.run(engine, "a", "left"))
    assert [one.prompt for one in vae.run(engine, "x", both).regions] == ["a", "b"]


WORKFLOW = {
    "title": "Controlled",
    "inputs": {"image": "follow.image", "controlnet": "follow.controlnet", "prompt": "draw.prompt"},
    "steps": {
        "follow": {"use": "control"},
        "draw": {"use": "generate", "guide": "$follow", "steps": 2, "size": "64x64"},
    },
}


def test_a_changed_controlnet_is_noticed(session, tmp_path):
    net = small.controlnet(tmp_path / "net")
    small.drawing().save(tmp_path / "lines.png")
    values = {"image": str(tmp_path / "lines.png"), "controlnet": net, "prompt": "a star", "seed": 1}
    job = Job.of(Workflow.of("controlled", WORKFLOW), values)
    (made,) = session.run(job, out=tmp_path / "out")
    assert f"controlnet:{net}" in made.job.pins
    again = next(session.run(made.job, out=tmp_path / "out"))
    assert again.image.tobytes() == made.image.tobytes()
    small.controlnet(tmp_path / "net", seed=9)
    with pytest.raises(InputError, match=f"the controlnet '{net}' is not the one this was made with"):
        list(session.run(job, out=tmp_path / "out"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": {"prompt": "draw.prompt", "guide": "draw.guide"}}, "a guide is made by a step, not by people"),
        ({"steps": {"draw": {"use": "generate", "guide": "scribbles"}}}, "instance of Guide"),
        ({"steps": {"follow": {"use": "control"}}}, "makes a guide; end with one that makes pictures"),
    ],
)
def test_a_guide_goes_from_step_to_step_only(change, said):
    from studio.errors import WorkflowError

    whole = {"title": "Mine", "inputs": {"prompt": "draw.prompt"}, "steps": {"draw": {"use": "generate"}}}
    if "follow" in change.get("steps", {}):
        change = change | {"inputs": WORKFLOW["inputs"] | {}}
        change["inputs"].pop("prompt")
    with pytest.raises(WorkflowError, match=said):
        Workflow.of("mine", whole | change)


def test_a_union_controlnet_must_be_told_before_anything_starts(tmp_path):
    """The form asks what the picture is where it matters, and nowhere else."""
    picture = tmp_path / "heart.png"
    small.drawing().save(picture)
    union = tmp_path / "union.safetensors"
    save_file({"task_embedding": torch.zeros(6, 4), "controlnet_cond_embedding.x": torch.zeros(1)}, union)
    asked = {"image": str(picture), "prompt": "a heart", "controlnet": str(union)}
    workflow = Workflow.load("controlnet")
    with pytest.raises(InputError, match="'union' follows several kinds of picture; say which this one is: pose, "):
        here.resolved(Job.of(workflow, asked))
    assert here.resolved(Job.of(workflow, asked | {"shows": "scribble"}))
    plain = small.controlnet(tmp_path / "plain")
    assert here.resolved(Job.of(workflow, asked | {"controlnet": plain}))
