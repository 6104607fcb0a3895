"""``studio batch`` as a person meets it, and ``studio.batch()``."""

import json
import os
import shlex
import signal
import threading
from functools import wraps
from pathlib import Path

import pytest

import studio as public
from studio.cli.app import main
from studio.config import shipped
from studio.errors import TableError
from studio.pictures.picture import Picture

TABLE = "sku;prompt;steps\nA1;a red circle on white;2\nA2;a blue star on cream;3\n"
HOW = ("--workflow", "text-to-image", "--out", "shop")


@pytest.fixture
def studio(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TABLE)

    def call(*tokens):
        with pytest.raises(SystemExit) as ended:
            main(["batch", *tokens])
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


def test_a_table_is_made_once(studio, tmp_path):
    code, out, err = studio("t.csv", *HOW)
    assert (code, out) == (0, "shop/A1.png\nshop/A2.png\n")
    assert "picture 2 of 2, step 3 of 3" in err
    assert err.endswith("2 pictures made; all is in 'shop'\n")
    assert Picture(tmp_path / "shop/A2.png").job.values["prompt"] == "a blue star on cream"
    (tmp_path / "t.csv").write_text(TABLE.replace("A2", "A0;a green moon;2\nA2"))
    code, out, err = studio("t.csv", *HOW, "--json")
    assert (code, json.loads(out)["path"]) == (0, "shop/A0.png")
    assert err.endswith("1 picture made, 2 were there; all is in 'shop'\n")


def test_all_that_is_wrong_is_a_table_and_nothing_is_made(studio, tmp_path):
    (tmp_path / "t.csv").write_text("prompt,stesp\nx,1\n" + "x,2,3\n" * 50)
    code, out, err = studio("t.csv", *HOW, "--grid", "guidance=1,99", "size=64x64")
    lines = err.splitlines()
    assert (code, out, len(lines)) == (2, "", 43)
    assert lines[0] == "studio: fix 52 problems to start; nothing was made"
    assert lines[1].split() == ["row", "column", "reason"]
    assert "did you mean 'steps'" in lines[2]
    assert lines[4].split(maxsplit=2) == ["3", "-", "has 3 cells, and there are 2 columns"]
    assert lines[-1] == "  and 12 more"
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        ((), "say what to make: a table, or --grid"),
        (("no.csv",), "'no.csv' cannot be read"),
        (("t.csv", "--set", "stesp=3"), "no input 'stesp'; did you mean 'steps'"),
        (("t.csv", "--grid", "steps"), "'steps' is not an axis"),
        (("t.csv", "--name", "{skuu}"), "no field 'skuu'; did you mean 'sku'"),
        (("t.csv", "--engine", "steam"), "steam"),
        (("t.csv", "--retry", "all"), "failed"),
    ],
)
def test_wrong_use_is_one_line(studio, tokens, says):
    code, out, err = studio(*tokens, *HOW)
    assert (code, out) == (2, "")
    assert says in err
    assert err.startswith("studio: ")
    assert err.count("\n") == 1


def test_a_plan_makes_nothing(studio, tmp_path):
    studio("t.csv", *HOW, "--grid", "seed=1,2")
    before = sorted((tmp_path / "shop").rglob("*"))
    code, out, err = studio("t.csv", *HOW, "--grid", "seed=1..10", "--plan", "--watts", "100", "--api-price", "0.04")
    assert (code, err) == (0, "")
    assert out.startswith("pictures  16, and 4 that are there\ntime      about ")
    assert out.endswith("by an API about 0.64 at 0.04 a picture\n")
    assert sorted((tmp_path / "shop").rglob("*")) == before
    code, out, _ = studio("t.csv", *HOW, "--grid", "seed=1,3", "--plan", "--json")
    assert (code, json.loads(out)["there"]) == (0, 2)


def test_ctrl_c_stops_and_the_same_command_goes_on(studio, tmp_path, monkeypatch):
    from diffusers import DDIMScheduler

    heard, step, steps = threading.Event(), DDIMScheduler.step, iter(range(100))

    def interrupted(*_):
        heard.set()
        raise KeyboardInterrupt

    def pressed(*arguments, **named):
        if next(steps) == 4:  # the third picture's first
            os.kill(os.getpid(), signal.SIGINT)
            assert heard.wait(60)
        return step(*arguments, **named)

    asked = ("--grid", "seed=1..8", *HOW, "--set", "prompt=a red circle", "steps=2")
    before = signal.signal(signal.SIGINT, interrupted)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(DDIMScheduler, "step", wraps(step)(pressed))
            code, out, err = studio(*asked)
    finally:
        signal.signal(signal.SIGINT, before)
    there = set((tmp_path / "shop").glob("*.png"))
    assert code == 1
    assert 1 <= len(there) < 8
    assert err.splitlines()[-1] == "stopped; every finished picture is kept, and the same command goes on"
    code, out, _ = studio(*asked)
    assert (code, len(out.splitlines())) == (0, 8 - len(there))
    assert there < set((tmp_path / "shop").glob("*.png"))


def test_rows_that_fail_are_told_and_stop_no_other(studio, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/A1.png").write_text("something else")
    code, out, err = studio("t.csv", *HOW)
    assert (code, out) == (1, "shop/A2.png\n")
    *_, reason, made, failed = err.splitlines()
    assert reason == "row 2: 'shop/A1.png' is another file already; move it, or choose other names"
    assert (made, failed[:30]) == ("1 picture made; all is in 'shop'", "1 picture could not be made; w")


def test_from_python(tmp_path):
    rows = [{"prompt": "a red circle on white", "id": "A"}, {"prompt": "a blue star", "id": "B"}]
    heard = []
    filled = public.batch(rows, workflow="text-to-image", out=tmp_path, grid={"steps": [2]}, watch=heard.append)
    assert [made.path.name for made in filled.made] == ["A-2.png", "B-2.png"]
    assert {event.name for event in heard} >= {"step", "made"}
    again = public.batch(rows, workflow="text-to-image", out=tmp_path, grid={"steps": [2]})
    assert (again.made, again.there) == ((), 2)
    with pytest.raises(TableError) as caught:
        public.batch([{"prompt": "x", "steps": 0}, {"size": "y"}], workflow="text-to-image", out=tmp_path)
    assert [problem.row for problem in caught.value.problems] == [1, 2, 2]


def lines_of_the_readme():
    """The arguments of README's two batches."""
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    found = [line.partition(" # ")[0] for line in text.splitlines() if line.startswith("    studio batch ")]
    return [shlex.split(line)[2:] for line in found]


def test_the_lines_of_the_readme_work_on_the_table_beside_it(studio, tmp_path, pictures, monkeypatch):
    monkeypatch.setenv("STUDIO_OUTPUT", str(pictures[0].path.parent))
    made, planned = lines_of_the_readme()
    (tmp_path / "assets").symlink_to(shipped("assets"))
    assert "--plan" in planned
    for words, count in ((planned, 8), ([*made, "--plan"], 16)):
        code, out, err = studio(*words)
        assert (code, out.splitlines()[0], err) == (0, f"pictures  {count}", "")
    sizes = made.index("language=en,de") - 1
    code, out, _ = studio(*made[:sizes], "size=64x64", "language=en,de", "--set", "steps=10", "factor=2")
    assert code == 0 and len(out.splitlines()) == 8
    assert Picture(tmp_path / out.splitlines()[0]).job.values["title"] == "Enamel pin"
