"""Rows become tasks, the same on every run, or all that is wrong with them is told."""

import re
import time
from dataclasses import replace

import pytest
from PIL import Image

from studio.batches.tables import files
from studio.batches.tables.table import of_python
from studio.batches.tasks import batch
from studio.errors import InputError, TableError
from studio.parameters.value_lists import Axis
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here


@pytest.fixture
def asked(text_to_image):
    def tasks(rows=None, *grid, workflow=text_to_image, library=None, **how):
        rows = [{"prompt": "x"}] if rows is None else rows
        return batch(workflow, library or here.library(), of_python(rows), map(Axis.parse, grid), **how).tasks

    return tasks


def problems(asked, *rows_and_grid, **how):
    with pytest.raises(TableError) as caught:
        asked(*rows_and_grid, **how)
    return [tuple(problem) for problem in caught.value.problems]


def values(tasks, *names):
    return [tuple(task.job.value(name) for name in names) for task in tasks]


def test_a_row_is_a_job_of_one_picture(asked, text_to_image):
    (task,) = asked([{"Prompt": "a sun", "STEPS": 3, "negative-prompt": None, "Seed": 7.0}])
    assert task.job == Job.of(text_to_image, {"prompt": "a sun", "steps": 3, "seed": 7})
    assert (task.row, dict(task.cells)) == (1, {"Prompt": "a sun", "STEPS": "3", "Seed": "7"})


def test_a_grid_crosses_rows_and_stands_alone(asked, text_to_image):
    rows = [{"prompt": "a"}, {"prompt": "b"}]
    made = asked(rows, "steps=10,20", "guidance=3..4")
    assert values(made, "prompt", "steps", "guidance") == [
        (prompt, steps, guidance) for prompt in "ab" for steps in (10, 20) for guidance in (3, 4)
    ]
    assert made[1].cells == {"prompt": "a", "steps": "10", "guidance": "4"}
    alone = batch(text_to_image, here.library(), grid=map(Axis.parse, ["prompt=a,b", "steps=1..3"]))
    assert (len(alone.tasks), alone.columns) == (6, ("prompt", "steps"))


def test_counts_and_lists_make_several_pictures_of_a_row(asked):
    icons = asked([{"subject": "heart, star", "count": 2}, {"subject": ["leaf"]}], workflow=Workflow.load("icon-set"))
    assert values(icons, "subject") == [("heart",), ("star",)] * 2 + [("leaf",)]
    first, other, second, *_ = icons
    assert (other.job.seed, second.job.seed) == (first.job.seed, first.job.seed + 1)
    assert len({task.place for task in icons}) == 5


def test_an_axis_chooses_the_column_of_a_language(asked):
    rows = [{"sku": "K1", "title": "K", "title.en": "Kettle", "title.de": "Kessel", "prompt": "x"},
            {"sku": "K2", "title": "Star", "title.en": None, "title.de": "Stern", "prompt": "y"}]  # fmt: skip
    made = asked(rows, "language=en,de", workflow=Workflow.load("poster"), name="{language}/{sku}")
    assert [(str(task.place), task.job.value("title")) for task in made] == [
        ("en/K1.png", "Kettle"), ("de/K1.png", "Kessel"), ("en/K2.png", "Star"), ("de/K2.png", "Stern"),
    ]  # fmt: skip
    assert made[0].job.seed == made[1].job.seed != made[2].job.seed
    short = {"prompt.en": "x", "prompt.de": ""}
    assert problems(asked, [short], "language=en,de") == [(1, "prompt.de", "required")]


def test_fixed_values_hold_for_all_rows(asked):
    made = asked([{"prompt": "a", "steps": 9}, {"prompt": "b"}], fixed={"steps": "3", "seed": "5"})
    assert [(*pair, task.job.seed) for pair, task in zip(values(made, "prompt", "steps"), made, strict=True)] == [
        ("a", 3, 5), ("b", 3, 5),
    ]  # fmt: skip


def test_pictures_lie_beside_the_table(tmp_path, monkeypatch):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "sun.png")
    (tmp_path / "t.csv").write_text("image,prompt\nsun.png,a star\nmoon.png,a star\n")
    with pytest.raises(TableError, match=r"row 3, image: there is no file '.*moon.png'$"):
        batch(Workflow.load("image-to-image"), here.library(), files.read(tmp_path / "t.csv"))
    (tmp_path / "t.csv").write_text("image,prompt\nsun.png,a star\n")
    (task,) = batch(Workflow.load("image-to-image"), here.library(), files.read(tmp_path / "t.csv")).tasks
    assert task.job.values["image"] == str(tmp_path / "sun.png")
    monkeypatch.chdir(tmp_path)
    typed = batch(
        Workflow.load("image-to-image"), here.library(), of_python([{"prompt": "x"}]), fixed={"image": "sun.png"}
    )
    assert typed.tasks[0].job.values["image"] == str(tmp_path / "sun.png")


def test_tasks_are_the_same_on_every_run_whatever_rows_are_put_in_between(asked):
    rows = [{"prompt": "a"}, {"prompt": "b"}, {"prompt": "a"}, {"prompt": "c", "steps": 3}]
    made = asked(rows)
    assert [task.key for task in asked(rows)] == [task.key for task in made]
    assert len({task.job.seed for task in made}) == 4
    more = asked([{"prompt": "new"}, *rows[:2], {"prompt": "b", "steps": 3}, *rows[2:]])
    wanted = {(task.key, task.place) for task in made}
    assert len(more) == 6
    assert wanted < {(task.key, task.place) for task in more}


def test_a_longer_grid_and_a_higher_count_change_no_picture_that_was_there(asked):
    before = {task.key for task in asked([{"prompt": "a"}], "steps=3,4")}
    assert before < {task.key for task in asked([{"prompt": "a", "count": 3}], "steps=3,4,5")}


def test_wildcards_are_drawn_into_the_task(asked, tmp_path):
    (tmp_path / "colour.txt").write_text("red\nblue")
    made = asked(
        [{"prompt": f"a __colour__ {{sun|moon}} {n}"} for n in range(20)],
        library=replace(here.library(), wildcards=tmp_path),
    )
    words = {task.job.value("prompt").split()[1] for task in made}
    assert words == {"red", "blue"}
    assert problems(asked, [{"prompt": "__no__"}], library=replace(here.library(), wildcards=tmp_path))[0][0] == 1


def test_all_that_is_wrong_is_told_at_once(asked):
    rows = [
        {"prompt": "a", "steps": 0, "size": "64x64", "promt": "x"},
        {"prompt": "b", "steps": 3, "size": "huge", "model": "sprak"},
        {"prompt": None, "steps": "many", "loras": "noen"},
        {"prompt": "fine", "steps": 3},
    ]
    found = problems(asked, rows, "guidance=3,99")
    assert [(row, column) for row, column, _ in found] == [
        (0, "promt"), (0, "grid, guidance"), (1, "steps"), (2, "size"), (2, "model"), (3, "prompt"), (3, "steps"),
        (3, "loras"),
    ]  # fmt: skip
    assert found[0][2].startswith("is not an input, and not in the file names; did you mean 'prompt'?")
    assert problems(asked, [{"steps": 3}])[0] == (0, "prompt", "required")
    assert problems(asked, rows[1:2], fixed={"size": "64x64"}) == [
        (1, "model", "there is no model 'sprak'; did you mean 'spark'?, or give the folder or file of a model")
    ]


def test_what_a_step_refuses_is_a_problem_of_its_row(asked, tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "x.png")
    row = {"image": str(tmp_path / "x.png"), "prompt": "x", "left": 0, "right": 0, "above": 0, "below": 0}
    ((at, _, reason),) = problems(asked, [{**row, "left": 8}, row], workflow=Workflow.load("outpaint"))
    assert (at, reason[:14]) == (2, "nothing to add")


@pytest.mark.parametrize(
    ("row", "grid", "column", "says"),
    [
        ({"prompt": "x", "steps": 3}, ["steps=1,2"], "steps", "both a column and an axis"),
        ({"prompt": "x", "Prompt": "y"}, [], "Prompt", "same as the column 'prompt'"),
        ({"prompt": "x"}, ["promtp=a,b"], "grid, promtp", "no input 'promtp'; did you mean 'prompt'"),
        ({"prompt.en": "x"}, [], "prompt.en", "not chosen by any axis.*--grid language=en"),
        ({"prompt.en": "x"}, ["a=en", "b=en"], "prompt.…", "several axes, a and b"),
        ({"prompt": "x", "sku": 1, "note": 2}, [], "note", "--keep 'note'"),
    ],
)
def test_columns_and_axes_that_are_for_nothing_are_refused(asked, row, grid, column, says):
    (found,) = [reason for _, name, reason in problems(asked, [row], *grid) if name == column]
    assert re.search(says, found)


def test_columns_are_kept_where_that_is_asked_for(asked):
    row = {"prompt": "x", "note": "hello", "other": 1}
    (task,) = asked([row], keep=["Note", "other"])
    assert task.cells == {"prompt": "x", "note": "hello", "other": "1"}
    assert asked([row], keep=["all"]) == [task]
    assert asked([row], name="{NOTE}/{other}")[0].place.as_posix() == "hello/1.png"


def test_columns_of_any_name_are_for_what_is_said_of_them(asked):
    row = {"Bildtext": "a sun", "prompt": "not this", "Schritte": 3, "sku": "A1"}
    mapping = {"Bildtext": "prompt", "prompt": "", "Schritte": "steps", "sku": ""}
    (task,) = asked([row], mapping=mapping)
    assert (task.job.value("prompt"), task.job.value("steps"), task.place.as_posix()) == ("a sun", 3, "A1.png")
    assert dict(task.cells) == {**row, "Schritte": "3"}
    assert asked([row], mapping=mapping, name="{bildtext}-{schritte}")[0].place.as_posix() == "a-sun-3.png"
    (found,) = problems(asked, [row], mapping={**mapping, "prompt": "prompt"})
    assert found == (0, "prompt", "is for the same input as the column 'Bildtext'; choose another for one of them")
    bad = {**row, "Schritte": "many"}
    assert [(at, column) for at, column, _ in problems(asked, [bad], mapping=mapping)] == [(1, "Schritte")]
    assert problems(asked, [row], "sku=a,b", mapping=mapping)[0][:2] == (0, "sku")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"fixed": {"stesp": 3}}, "no input 'stesp'; did you mean 'steps'"),
        ({"name": "{skuu}"}, "there is no field 'skuu'"),
        ({"name": "../{row}"}, "cannot name a file"),
        ({"name": "/etc/{row}"}, "cannot name a file"),
        ({"name": "a//{row}"}, "cannot name a file"),
    ],
)
def test_wrong_fixed_values_and_names_are_refused(asked, how, says):
    with pytest.raises(InputError, match=says):
        asked(**how)


def test_a_batch_has_an_end_and_a_beginning(asked):
    with pytest.raises(InputError, match="over 100,000 pictures"):
        asked([{"prompt": "x"}], "guidance=1..10:0.1", "steps=1..100", "clip_skip=1..12")
    with pytest.raises(InputError, match="has no rows"):
        asked([])


def test_a_row_takes_a_millisecond(asked):
    rows = [{"prompt": f"a star, number {n}", "size": "256x256", "sku": f"A{n}"} for n in range(1000)]
    asked(rows[:1])
    began = time.process_time()
    assert len({task.place for task in asked(rows)}) == 1000
    assert time.process_time() - began < 2.5
