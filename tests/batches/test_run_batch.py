"""Batches that fill a folder, at fake speed: what is there stays, what is missing is made, what fails is listed."""

import csv
import hashlib
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from studio.batches import manifest
from studio.batches.batch import Batch
from studio.batches.progress import RowFailed
from studio.batches.run_batch import fill
from studio.errors import Cancelled, InputError, OutputError
from studio.pictures import fast_record
from studio.runtime.events import Made, Step
from tests.torture import fake


class Executor(fake.Executor):
    """Notes the seeds it was asked for; those in ``breaks`` fail."""

    def __init__(self, *breaks, error=None):
        super().__init__(self.hear)
        self.seeds, self.breaks, self.error = [], breaks, error or InputError("no such model")

    def hear(self, job):
        self.seeds.append(job.seed)
        if job.seed in self.breaks:
            raise self.error


@pytest.fixture
def batch():
    return fake.batch(4)


def filled(batch, out, executor, watch=lambda event: None, **more):
    return fill(batch, out, executor, watch, **more)


def rows(out):
    with (out / manifest.TABLE).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_task_is_made_at_its_place_and_listed(batch, tmp_path):
    done = filled(batch, tmp_path, Executor())
    assert ([made.task.row for made in done.made], done.there, done.failed) == ([1, 2, 3, 4], 0, ())
    for task, row in zip(batch.tasks, rows(tmp_path), strict=True):
        file = tmp_path / task.place
        assert fast_record.key(file) == row["key"] == task.key
        assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (row["row"], row["file"], row["status"]) == (str(task.row), str(task.place), "made")
        assert (row["model"], row["model_licence"], row["seconds"]) == ("spark", "apache-2.0", "0.001")
        assert row["model_sha256"] == task.job.pins["model:spark"]
        assert row["subject"] == task.cells["subject"]
    assert not list(tmp_path.rglob(".studio-*"))


def test_only_what_is_missing_is_made(batch, tmp_path):
    filled(batch, tmp_path, Executor())
    (tmp_path / batch.tasks[1].place).unlink()
    session = Executor()
    done = filled(batch, tmp_path, session)
    assert (session.seeds, done.there, len(done.made)) == ([2], 3, 1)
    assert [row["status"] for row in rows(tmp_path)] == ["made"] * 4


def test_a_file_that_was_renamed_or_moved_within_the_folder_still_counts(batch, tmp_path):
    filled(batch, tmp_path, Executor())
    (tmp_path / batch.tasks[0].place).rename(tmp_path / "best.png")
    session = Executor()
    assert filled(batch, tmp_path, session).there == 4
    assert session.seeds == []
    assert rows(tmp_path)[0]["file"] == "best.png"


def test_a_picture_cut_off_does_not_count_and_is_not_overwritten(batch, tmp_path):
    filled(batch, tmp_path, Executor())
    file = tmp_path / batch.tasks[2].place
    file.write_bytes(content := file.read_bytes()[:-20])
    (problem,) = filled(batch, tmp_path, Executor()).failed
    assert problem.task.row == 3
    assert "is another file already; move it" in problem.problem
    assert file.read_bytes() == content
    file.unlink()
    assert not filled(batch, tmp_path, Executor()).failed


def test_rows_that_ask_for_the_same_picture_share_its_file(batch, tmp_path):
    twin = replace(batch.tasks[0], row=5, place=PurePosixPath("twin.png"))
    session = Executor()
    filled(Batch(batch.workflow, [*batch.tasks, twin], batch.columns), tmp_path, session)
    assert session.seeds == [1, 2, 3, 4]
    assert (rows(tmp_path)[0]["file"], rows(tmp_path)[4]["row"]) == (rows(tmp_path)[4]["file"], "5")


def test_rows_that_fail_are_listed_and_do_not_stop_the_rest(batch, tmp_path):
    heard = []
    done = filled(batch, tmp_path, Executor(2, 4), heard.append)
    assert [(failed.task.row, failed.problem) for failed in done.failed] == [(2, "no such model"), (4, "no such model")]
    assert [row["status"] for row in rows(tmp_path)] == ["made", "failed", "made", "failed"]
    assert rows(tmp_path)[1]["problem"] == "no such model"
    assert [event.row for event in heard if isinstance(event, RowFailed)] == [2, 4]


def test_what_failed_is_tried_again_only_when_asked_for_and_then_alone(batch, tmp_path):
    filled(Batch(batch.workflow, batch.tasks[:2], batch.columns), tmp_path, Executor(2))
    session = Executor()
    done = filled(batch, tmp_path, session)
    assert session.seeds == [3, 4]
    assert [failed.task.row for failed in done.failed] == [2]
    (tmp_path / batch.tasks[3].place).unlink()
    session = Executor(2)
    assert [failed.task.row for failed in filled(batch, tmp_path, session, retry=True).failed] == [2]
    done = filled(batch, tmp_path, session := Executor(), retry=True)
    assert (session.seeds, done.failed) == ([2], ())
    assert [row["row"] for row in rows(tmp_path)] == ["1", "2", "3"]


def test_without_its_manifest_the_folder_says_the_same(batch, tmp_path):
    filled(batch, tmp_path, Executor())
    before = rows(tmp_path)
    for name in (manifest.LINES, manifest.TABLE):
        (tmp_path / name).unlink()
    session = Executor()
    filled(batch, tmp_path, session)
    assert (session.seeds, rows(tmp_path)) == ([], before)


def test_a_second_batch_in_the_folder_keeps_the_first_ones_rows_as_long_as_their_files(batch, tmp_path):
    filled(batch, tmp_path, Executor())
    (tmp_path / batch.tasks[0].place).unlink()
    filled(fake.batch(2, seed=50, folder="others"), tmp_path, Executor())
    assert [row["seed"] for row in rows(tmp_path)] == ["50", "51", "2", "3", "4"]


@pytest.mark.parametrize("place", ["../x.png", "/x.png", "manifest.csv", "Contact-Sheet/x.png", f"{'x' * 300}.png"])
def test_a_place_that_cannot_be_is_one_rows_problem(batch, tmp_path, place):
    tasks = [replace(batch.tasks[0], place=PurePosixPath(place)), *batch.tasks[1:]]
    done = filled(Batch(batch.workflow, tasks), tmp_path / "out", Executor())
    assert [failed.task.row for failed in done.failed] == [1]
    assert len(done.made) == 3
    assert rows(tmp_path / "out")[0]["status"] == "blocked"
    assert not (tmp_path / "x.png").exists()


def test_one_place_for_two_pictures_is_the_second_rows_problem(batch, tmp_path):
    tasks = [batch.tasks[0], replace(batch.tasks[1], place=batch.tasks[0].place)]
    session = Executor()
    (failed,) = filled(Batch(batch.workflow, tasks), tmp_path, session).failed
    assert (failed.task.row, session.seeds) == (2, [1])
    assert "row 1 has the file" in failed.problem


def test_a_link_out_of_the_folder_is_not_followed(batch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "pictures").symlink_to(tmp_path / "elsewhere")
    assert len(filled(batch, tmp_path / "out", Executor()).failed) == 4
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_where_a_folder_should_be_is_the_rows_problem(batch, tmp_path):
    (tmp_path / "pictures").write_text("mine")
    done = filled(batch, tmp_path, Executor())
    assert len(done.failed) == 4
    assert "pictures' is another file already" in done.failed[0].problem


def test_progress_counts_over_the_whole_batch(batch, tmp_path):
    filled(Batch(batch.workflow, batch.tasks[:1]), tmp_path, Executor())
    heard = []
    filled(batch, tmp_path, Executor(), heard.append)
    steps = [event for event in heard if isinstance(event, Step)]
    assert [(step.picture, step.pictures) for step in steps] == [(2, 4), (3, 4), (4, 4)]
    assert steps[0].seconds_left is None
    assert steps[1].seconds_left > steps[2].seconds_left == 0
    assert [event.picture.path.name for event in heard if isinstance(event, Made)] == ["2.png", "3.png", "4.png"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled("stopped"), OutputError("the disk is full")])
def test_stopped_in_the_middle_all_that_was_made_is_kept_listed_and_gone_on_from(batch, tmp_path, error):
    with pytest.raises(type(error)):
        filled(batch, tmp_path, Executor(3, error=error))
    assert [row["row"] for row in rows(tmp_path)] == ["1", "2"]
    session = Executor()
    filled(batch, tmp_path, session)
    assert session.seeds == [3, 4]


def test_somebody_elses_files_are_refused_before_anything_is_made(batch, tmp_path):
    (tmp_path / "contact-sheet.html").write_text("<h1>How to reach me</h1>")
    with pytest.raises(InputError, match="was not written by a batch"):
        filled(batch, tmp_path, Executor())
    assert list(fast_record.pictures(tmp_path)) == []
