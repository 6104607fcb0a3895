"""A name is given once, on disks with hard links, with a rename that refuses, and with neither."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from studio.files.no_overwrite import _reserve, move_new
from tests import disks

ROOT = Path(__file__).parents[2]
RACER = """
import sys, time
from pathlib import Path
from studio.files.no_overwrite import move_new
from tests import disks
disks.use(sys.argv[3])
folder, own = Path(sys.argv[1]), sys.argv[2]
(folder / f"ready-{own}").touch()
while not (folder / "go").exists():
    time.sleep(0.001)
for n in range(40):
    begun = folder / f"begun-{own}"
    begun.write_text(f"{own} {n}")
    try:
        move_new(begun, folder / f"picture-{n}")
        print("won", n)
    except FileExistsError:
        print("lost", n, (folder / f"picture-{n}").read_text() != "", begun.read_text() == f"{own} {n}")
"""


@pytest.fixture(params=disks.KINDS)
def disk(request, monkeypatch):
    disks.use(request.param, monkeypatch.setattr)
    return request.param


def test_a_free_name_is_given(disk, tmp_path):
    (tmp_path / "begun").write_text("mine")
    move_new(tmp_path / "begun", tmp_path / "name")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("name", "mine")]


def test_a_taken_name_is_left_alone(disk, tmp_path):
    (tmp_path / "begun").write_text("mine")
    (tmp_path / "name").write_text("theirs")
    with pytest.raises(FileExistsError):
        move_new(tmp_path / "begun", tmp_path / "name")
    assert (tmp_path / "name").read_text() == "theirs"
    assert (tmp_path / "begun").read_text() == "mine"


@pytest.mark.parametrize("taken", [None, "empty", "full", "file"])
def test_a_folder_is_given_a_name_too(disk, tmp_path, taken):
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "inside").write_text("mine")
    name = tmp_path / "name"
    if taken == "file":
        name.write_text("theirs")
    elif taken:
        name.mkdir()
        (name / "theirs").touch() if taken == "full" else None
    if taken is None:
        move_new(tmp_path / "begun", name)
        assert (name / "inside").read_text() == "mine"
        return
    with pytest.raises(FileExistsError):
        move_new(tmp_path / "begun", name)
    assert (tmp_path / "begun" / "inside").exists()
    assert not (name / "inside").exists()


def test_where_no_way_leads_there_nothing_is_left(disk, tmp_path):
    (tmp_path / "begun").write_text("mine")
    with pytest.raises(FileNotFoundError):
        move_new(tmp_path / "begun", tmp_path / "no folder" / "name")
    with pytest.raises(FileNotFoundError):
        move_new(tmp_path / "not there", tmp_path / "name")
    assert [file.name for file in tmp_path.iterdir()] == ["begun"]


def test_two_processes_never_take_each_others_place(disk, tmp_path):
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path), own, disk], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for own in "ab"
    ]
    while len(list(tmp_path.glob("ready-*"))) < 2:
        assert all(racer.poll() is None for racer in racers)
        time.sleep(0.01)
    (tmp_path / "go").touch()
    told = {own: racer.communicate()[0].splitlines() for own, racer in zip("ab", racers, strict=True)}
    won = {own: {line.split()[1] for line in lines if line.startswith("won")} for own, lines in told.items()}
    assert won["a"] | won["b"] == {str(n) for n in range(40)}
    assert not won["a"] & won["b"]
    assert all(line.endswith("True True") for lines in told.values() for line in lines if line.startswith("lost"))
    for own, numbers in won.items():
        assert all((tmp_path / f"picture-{n}").read_text() == f"{own} {n}" for n in numbers)


def test_who_comes_second_sees_a_reservation_filled(tmp_path):
    """Between the reservation and the rename over it the file is empty; nobody takes it for another's."""
    (tmp_path / "begun").write_text("mine")
    (tmp_path / "name").touch()
    filling = threading.Timer(0.05, lambda: (tmp_path / "name").write_text("theirs"))
    filling.start()
    with pytest.raises(FileExistsError):
        move_new(tmp_path / "begun", tmp_path / "name")
    assert (tmp_path / "name").read_text() == "theirs"


def test_an_empty_file_of_old_is_no_reservation(monkeypatch, tmp_path):
    """Nobody waits for it, and it stays."""
    monkeypatch.setattr(time, "sleep", None)
    (tmp_path / "begun").write_text("mine")
    (tmp_path / "name").touch()
    os.utime(tmp_path / "name", (0, 0))
    with pytest.raises(FileExistsError):
        move_new(tmp_path / "begun", tmp_path / "name")
    assert (tmp_path / "name").read_text() == ""


def test_a_reservation_that_cannot_be_filled_is_given_up(tmp_path):
    with pytest.raises(FileNotFoundError):
        _reserve(tmp_path / "not there", tmp_path / "name")
    assert not list(tmp_path.iterdir())
