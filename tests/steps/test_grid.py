from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from studio.diffusion.engine import Engine
from studio.errors import InputError
from studio.parameters.value_lists import Axis
from studio.steps import grid
from tests import here
from tests.diffusion import small
from tests.lora import lorafiles

BASE = {"prompt": "a red star on white", "settings": "steps=2, size=64x64"}


@pytest.fixture(scope="module")
def engine():
    return Engine(here.pipelines(), 3)


def test_one_sheet_with_a_picture_for_each_pair_of_values(engine):
    heard = []
    watched = replace(engine, seed=3, report=lambda step, steps: heard.append(step / steps))
    sheet = grid.run(watched, "steps=2,3", "guidance=1,2,3", **{**BASE, "settings": "size=64x64"})
    assert sheet.width > 2 * 64
    assert sheet.height > 3 * 64
    assert heard == sorted(heard)
    assert (len(heard), heard[-1]) == (3 * (2 + 3), 1)


def test_cells_differ_by_what_the_axis_says(engine):
    one = grid.run(engine, "seed=1,2", labels=False, **BASE)
    left, right = one.crop((12, 12, 76, 76)), one.crop((88, 12, 152, 76))
    assert one.size == (2 * 76 + 12, 76 + 12)
    assert left != right
    other = grid.run(engine, "seed=2,1", labels=False, **BASE)
    assert other.crop((12, 12, 76, 76)) == right


def test_sheets_stand_under_one_another(engine):
    flat = grid.run(engine, "steps=1,2", labels=False, prompt="x", settings="size=64x64")
    deep = grid.run(engine, "steps=1,2", "", "seed=1,2", labels=False, prompt="x", settings="size=64x64")
    assert deep.size == (flat.width, 2 * flat.height)


def test_a_workflow_with_a_start_picture(engine, tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    sheet = grid.run(
        engine, "strength=0.5,1", workflow="image-to-image", image=str(tmp_path / "red.png"), labels=False,
        prompt="a star", settings="steps=2, size=64x64",
    )  # fmt: skip
    assert np.asarray(sheet).std() > 0


@pytest.fixture
def neon(tmp_path, monkeypatch):
    """A random LoRA of every other module of Spark, by its name."""
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path / "parts"))
    pipeline = here.pipelines().get(here.card("spark"), "text-to-image")
    lorafiles.file(tmp_path / "parts/neon.safetensors", pipeline, lorafiles.lora, size=0.2, every=2)


def test_a_loras_weight_across(neon):
    engine = Engine(here.pipelines(), 3)
    one = grid.run(engine, "loras=neon:0..1:0.5", labels=False, **BASE)
    none, half, whole = (one.crop((12 + 76 * n, 12, 76 + 76 * n, 76)) for n in range(3))
    plain = grid.run(engine, "steps=2", labels=False, prompt=BASE["prompt"], settings="size=64x64")
    assert plain.crop((12, 12, 76, 76)) == none
    assert small.difference(none, half) > 10 < small.difference(half, whole)
    with pytest.raises(InputError, match="did you mean 'neon'"):
        grid.run(engine, "loras=neno:0..1", **BASE)


def test_the_labels_of_loras_read_well(neon):
    axis = Axis.parse("loras=neon:0..1:0.5 | people/anna:0.8, neon:0.25:text=0")
    assert grid.labels_of(axis) == ["neon 0", "neon 0.5", "neon 1", "anna 0.8, neon 0.25 text=0"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": "stpes=1,2"}, "did you mean 'steps'?"),
        ({"x": "steps=1,many"}, "steps: .*'many'"),
        ({"x": "steps=1,200"}, "steps: .*200"),
        ({"y": "steps=1,2"}, "'steps' is given twice"),
        ({"x": "seed=1..20", "y": "guidance=1..9"}, "180 pictures; a grid holds at most 100"),
        ({"x": "model=spark,sprak"}, "did you mean 'spark'?"),
        ({"settings": "model=/etc"}, "there is no model '/etc'"),
        ({"settings": "steps"}, "'steps' among the other inputs has no value"),
        ({"settings": "nope=3"}, "there is no input of 'text-to-image' 'nope'"),
        ({"workflow": "grid"}, "there is no workflow 'grid'"),
        ({"workflow": "nope"}, "there is no workflow 'nope'"),
        ({"workflow": "image-to-image"}, "'image' is required"),
        ({"workflow": "image-to-image", "settings": "image=/etc/passwd"}, "'image' takes a picture"),
        ({"workflow": "image-to-image", "x": "image=/etc/passwd"}, "'image' takes a picture"),
        ({"workflow": "inpaint", "settings": "mask=/etc/passwd"}, "'mask' takes a picture"),
        ({"workflow": "icon-set", "prompt": "", "settings": "subject=a|colour=red", "x": "colour=red"}, "twice"),
    ],
)
def test_wrong_axes_are_named_before_any_picture_is_made(engine, change, message):
    heard = []
    watched = replace(engine, seed=3, report=lambda step, steps: heard.append(step))
    with pytest.raises(InputError, match=message):
        grid.run(watched, **{"x": "steps=2,3", "prompt": "a star", "settings": "size=64x64", **change})
    assert heard == []
