"""What a step would find wrong with its values is found before anything is started, on every surface."""

import pytest
from PIL import Image

from studio.errors import InputError
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here


@pytest.fixture
def picture(tmp_path):
    Image.new("RGB", (64, 64)).save(path := tmp_path / "picture.png")
    return str(path)


def checked(workflow, **values):
    known = Workflow.load(workflow).inputs()
    here.resolved(Job.of(Workflow.load(workflow), {name: value for name, value in values.items() if name in known}))


@pytest.mark.parametrize("workflow", ["image-to-image", "inpaint", "hires", "upscale", "outpaint"])
def test_a_strength_that_leaves_no_step_is_refused_with_its_name(workflow, picture):
    given = {"prompt": "x", "image": picture, "mask": _white(picture), "steps": 4}
    checked(workflow, strength=0.25, **given)
    with pytest.raises(InputError, match="leaves none to run") as caught:
        checked(workflow, strength=0.2, **given)
    assert list(caught.value.wrong) == ["strength"]


@pytest.mark.parametrize(("size", "level"), [((64, 32), 255), ((64, 64), 0)])
def test_a_mask_that_does_not_suit_is_refused_with_its_name(picture, tmp_path, size, level):
    Image.new("L", size, level).save(mask := tmp_path / "mask.png")
    with pytest.raises(InputError) as caught:
        checked("inpaint", prompt="x", image=picture, mask=str(mask))
    assert list(caught.value.wrong) == ["mask"]


def _white(picture):
    Image.new("L", (64, 64), 255).save(path := picture.replace("picture", "white"))
    return path
