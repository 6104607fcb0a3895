"""What a batch will take, from what was made, else from what is made to find out."""

import json
import shutil

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.batches import speed
from studio.batches.forecast import forecast, foreseen
from studio.batches.plan import BatchPlan, Power, Prices
from studio.batches.tables.table import of_python
from studio.batches.tasks import batch
from studio.parameters.value_lists import Axis
from studio.runtime.workflow_executor import Effort
from studio.tensors import hardware
from studio.workflow.workflow import Workflow
from tests import here


@pytest.fixture
def tasks(text_to_image):
    def asked(rows, *grid, **how):
        return batch(text_to_image, here.library(), of_python(rows), map(Axis.parse, grid), **how).tasks

    return asked


@pytest.fixture
def known(pictures, tmp_path):
    """A folder with three pictures that were made here, in 2, 9 and 2 seconds; the 9 were for loading."""
    for picture, seconds in zip(pictures, (2, 9, 2), strict=True):
        shutil.copy(picture.path, tmp_path / picture.path.name)
        remember(tmp_path / picture.path.name, seconds=seconds)
    return tmp_path


def remember(file, **told):
    with Image.open(file) as image:
        info, record = PngInfo(), json.loads(image.info["studio"]) | told
        info.add_text("studio", json.dumps(record))
        image.save(file, pnginfo=info)


NO_PRICES = Prices()


def silent(text):
    raise AssertionError(text)


def told(tasks, folder, session, out="nowhere", watts=None, prices=NO_PRICES, say=silent):
    return forecast(tasks, folder / out, [folder], session, watts, prices, say)


def test_time_is_that_of_pictures_of_the_kind_that_were_made_here(tasks, known, session):
    plan = told(tasks([{"prompt": f"star {n}", "steps": 3} for n in range(10)]), known, session)
    assert (plan.pictures, plan.seconds) == (10, 20)
    assert plan.least < 20 < plan.most
    assert plan.measured == ("measured on 3 pictures of this kind, made on this machine",)


def test_other_sizes_and_steps_are_worked_out_and_said_to_be(tasks, known, session):
    plan = told(tasks([{"prompt": "star", "size": "512x512"}], "steps=3,6"), known, session)
    longer = (6 + 2) / (3 + 2)  # reading words, encoding and decoding take as long as two steps
    assert plan.seconds == pytest.approx(2 * 4 + 2 * 4 * longer)
    assert plan.measured == ("worked out from 3 pictures of other sizes or steps, made here",)
    mixed = told(tasks([{"prompt": "star"}], "steps=3,6"), known, session)
    assert [how.partition(":")[0] for how in mixed.measured] == ["1 picture", "1 picture"]


def test_other_machines_and_strange_records_tell_nothing(known, pictures):
    device = hardware.device_name(hardware.pick_device("cpu"))
    assert len(speed.measurements([known, known], device)) == 3
    assert speed.measurements([known], "another machine") == []
    for name, record in {"a": {"seconds": "x"}, "b": {"passes": 3}, "c": {"job": []}, "d": {"seconds": -1}}.items():
        shutil.copy(pictures[0].path, known / f"{name}.png")
        remember(known / f"{name}.png", **record)
    (known / "e.png").write_bytes(b"no picture")
    assert len(speed.measurements([known], device)) == 3


def test_what_nothing_is_known_of_is_measured_on_two_pictures(tasks, tmp_path, session):
    said = []
    plan = told(tasks([{"prompt": "star", "steps": 2}] * 4), tmp_path, session, say=said.append)
    assert len(said) == 1
    assert "spark" in said[0]
    assert plan.measured == ("measured on one picture made just now",)
    assert plan.seconds > 0
    assert list(tmp_path.iterdir()) == []


def test_pictures_that_are_there_take_no_more(tasks, known, session, text_to_image, pictures):
    asked = tasks([{"prompt": "a red circle on white", "steps": 3, "seed": 7, "count": 5}])
    plan = told(asked, known, session, out="")
    assert (plan.pictures, plan.there) == (2, 3)
    assert next(plan.lines()) == "pictures  2, and 3 that are there"


def test_energy_and_money_follow_from_watts_and_prices(tasks, known, session):
    plan = told(tasks([{"prompt": "star", "steps": 3}]), known, session, watts=1800, prices=Prices(0.5, 0.04))
    assert plan.kwh == pytest.approx(0.001)
    assert list(plan.lines())[-3:] == [
        "energy    about 1 Wh (1800 W, as you say)",
        "money     less than 0.01 of electricity at 0.5 a kWh",
        "by an API about 0.04 at 0.04 a picture",
    ]
    assert "estimated at" in told(tasks([{"prompt": "x", "steps": 3}]), known, session).power.how


def test_a_plan_of_nothing_and_of_very_much():
    assert list(BatchPlan(0, 3, 0, 0, 0, 0, (), Power(1, "x"), Prices()).lines()) == [
        "pictures  0, and 3 that are there"
    ]
    much = BatchPlan(100_000, 0, 1e6, 9e5, 2e6, 2e11, ("measured",), Power(3000, "x"), Prices(0.3, 0.04))
    assert list(much.lines()) == [
        "pictures  100,000",
        "time      about 277 h 47 min, from 250 h 0 min to 555 h 33 min",
        "          measured",
        "disk      about 200.0 GB",
        "energy    about 830 kWh (x)",
        "money     about 250.00 of electricity at 0.3 a kWh",
        "by an API about 4,000.00 at 0.04 a picture",
    ]


def test_passes_within_a_workflow_are_counted(tmp_path, known, session):
    drawn = {"prompt": "star", "steps": 20, "size": "256x256"}
    plain, hires, poster = (
        batch(Workflow.load(name), here.library(), of_python([drawn | more])).tasks
        for name, more in (("text-to-image", {}), ("hires", {}), ("poster", {"title": "Star", "factor": 4}))
    )
    once, twice, tiled = (told(tasks, known, session).seconds for tasks in (plain, hires, poster))
    assert twice / once == pytest.approx((20 + 2 + 4 * (8 + 2)) / (20 + 2), rel=0.01)
    assert tiled / once == pytest.approx((20 + 2 + 25 * (2 + 2)) / (20 + 2), rel=0.01)


def test_a_batch_of_words_is_looked_at_in_parts(known, session, text_to_image, monkeypatch):
    looked = []
    monkeypatch.setattr(speed, "rehearse", lambda *asked: looked.append(asked) or Effort(2.0, 65536))
    tasks = batch(
        text_to_image, here.library(), of_python([{"prompt": f"star {n}", "steps": 3} for n in range(500)])
    ).tasks
    told(tasks, known, session)
    assert len(looked) == 3
    tasks = batch(
        text_to_image, here.library(), of_python([{"prompt": "x", "steps": 3, "guidance": n / 100} for n in range(500)])
    ).tasks
    told(tasks, known, session)
    assert len(looked) <= 3 + 200


def test_a_task_that_cannot_be_made_takes_no_time(tmp_path, known, session):
    Image.new("RGB", (3000, 64), "red").save(tmp_path / "wide.png")
    tasks = batch(Workflow.load("upscale"), here.library(), of_python([{"image": str(tmp_path / "wide.png")}])).tasks
    assert told(tasks, known, session).seconds == 0


def test_what_is_foreseen_rests_on_what_was_made_here_alone(tasks, known, session):
    wanted = tasks([{"prompt": f"star {n}", "steps": 3} for n in range(10)])
    plan = foreseen(wanted, known / "out", [known], session)
    assert plan.seconds == told(wanted, known, session).seconds
    assert plan.short().startswith("about 20 s, ")
    assert foreseen(wanted, known / "out", [known / "nothing"], session) is None
