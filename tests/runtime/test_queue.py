"""The durable queue, in a real SQLite file, also after its process was killed."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from studio.errors import InputError, OutputError, QueueError
from studio.runtime import queue_file
from studio.runtime.queue import Queue
from studio.workflow.job import Job


@pytest.fixture
def job(text_to_image):
    return Job.of(text_to_image, {"prompt": "a red star", "seed": 1, "count": 2})


@pytest.fixture
def queue(tmp_path):
    queue = Queue(tmp_path / "queue.sqlite")
    yield queue
    queue.close()


def test_runs_come_out_in_the_order_they_went_in(queue, job, tmp_path):
    runs = [queue.add(job, tmp_path, "{n}") for _ in range(3)]
    assert queue.waiting() == runs
    assert [queue.next().id for _ in range(3)] == runs
    assert queue.next() is None


def test_a_run_carries_its_job_folder_and_name(queue, job, tmp_path):
    row = queue.row(queue.add(job, tmp_path, "{prompt}"))
    assert (row.job, row.folder, row.name, row.state) == (job, tmp_path, "{prompt}", "queued")


def test_a_waiting_run_can_be_moved(queue, job, tmp_path):
    one, two, three = (queue.add(job, tmp_path, "{n}") for _ in range(3))
    queue.move(three, 0)
    assert queue.waiting() == [three, one, two]
    queue.move(three, 1)
    assert queue.waiting() == [one, three, two]
    last = queue.add(job, tmp_path, "{n}")
    assert queue.waiting() == [one, three, two, last]


def test_moving_goes_on_where_no_number_lies_between_two_places(queue, job, tmp_path):
    first, *others = (queue.add(job, tmp_path, "{n}") for _ in range(4))
    for _ in range(70):  # each time into the half that is left
        queue.move(others[-1], 1)
        others = [others[-1], *others[:-1]]
        assert queue.waiting() == [first, *others]
    queue.move(others[0], 99)
    assert queue.waiting() == [first, *others[1:], others[0]]


def test_cancelling_takes_a_waiting_run_out_and_asks_a_running_one(queue, job, tmp_path):
    running, waiting = queue.add(job, tmp_path, "{n}"), queue.add(job, tmp_path, "{n}")
    queue.next()
    assert queue.ask_to_stop(waiting)
    assert queue.row(waiting).state == "cancelled"
    assert not queue.ask_to_stop(running)
    assert queue.asked_to_stop(running)


def test_only_an_unfinished_run_can_be_queued_again(queue, job, tmp_path):
    run = queue.add(job, tmp_path, "{n}")
    assert not queue.again(run)
    queue.next()
    queue.end(run, "failed", "the disk is full")
    assert queue.row(run).problem == "the disk is full"
    assert queue.again(run)
    assert (queue.row(run).state, queue.row(run).problem) == ("queued", "")
    queue.end(run, "done")
    assert not queue.again(run)


def test_pictures_whose_files_are_gone_are_not_counted(queue, job, tmp_path):
    run, file = queue.add(job, tmp_path, "{n}"), tmp_path / "one.png"
    file.touch()
    queue.keep(run, 0, file)
    queue.keep(run, 1, tmp_path / "gone.png")
    assert queue.pictures(run) == {0: file}


def test_an_unknown_run_is_refused(queue):
    with pytest.raises(InputError, match="no run 'x'"):
        queue.row("x")


def test_a_living_process_keeps_its_runs(queue, job, tmp_path):
    run = queue.add(job, tmp_path, "{n}")
    other = Queue(tmp_path / "queue.sqlite")
    assert other.next() is None
    assert [row.id for row in other.rows()] == [run]
    other.close()
    assert queue.next().id == run


_ADDS_TWO_AND_HANGS = """
import sys, time
from pathlib import Path
from studio.workflow.job import Job
from studio.runtime.queue import Queue
folder = Path(sys.argv[1])
queue = Queue(folder / "queue.sqlite")
job = Job.from_json((folder / "job.json").read_text())
for _ in range(2):
    queue.add(job, folder, "{n}")
queue.next()
print("ready", flush=True)
time.sleep(60)
"""


def test_after_a_kill_the_running_one_is_interrupted_and_the_waiting_one_goes_on(job, tmp_path):
    (tmp_path / "job.json").write_text(job.model_dump_json())
    process = subprocess.Popen([sys.executable, "-c", _ADDS_TWO_AND_HANGS, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    process.wait()
    queue = Queue(tmp_path / "queue.sqlite")
    assert [row.state for row in queue.rows()] == ["queued", "interrupted"]
    assert queue.next().id == queue.rows()[0].id
    queue.close()


def test_thousands_of_runs_are_queued_and_listed_quickly(queue, job, tmp_path):
    began = time.monotonic()
    for _ in range(2_000):
        queue.add(job, tmp_path, "{n}")
    assert len(queue.waiting()) == 2_000
    assert len(queue.rows(50)) == 50
    assert time.monotonic() - began < 30  # a bound against a quadratic mistake, not a timing


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "queue.sqlite").write_text("not a database, and longer than its header " * 40)
    with pytest.raises(OutputError, match=r"queue\.sqlite.*STUDIO_STATE"):
        Queue(tmp_path / "queue.sqlite").rows()


def edit(file, sql, *values):
    """What another program, or another version of this one, does to the file."""
    with closing(sqlite3.connect(file, timeout=10)) as db, db:
        db.execute(sql, values)


def test_the_line_does_not_follow_the_wall_clock(queue, job, tmp_path, monkeypatch):
    times = iter(range(1000, 0, -100))
    monkeypatch.setattr(time, "time", lambda: next(times))
    first, second, third = (queue.add(job, tmp_path, "{n}") for _ in range(3))
    assert queue.waiting() == [first, second, third]
    assert [row.id for row in queue.rows()] == [third, second, first]
    queue.move(first, 99)
    assert queue.next().id == second
    queue.end(second, "failed")
    assert queue.again(second)
    assert queue.waiting() == [third, first, second]


FOREIGN = {
    "a key that this version does not know": lambda job: json.dumps({**json.loads(job), "camera": "analogue"}),
    "no JSON": lambda job: job[:40],
    "another shape": lambda job: json.dumps({**json.loads(job), "definition": {"inputs": [1]}}),
    "a list that is not there": lambda job: json.dumps(
        {**json.loads(job), "definition": {"inputs": {"size": {"each": True}}}, "values": {}}
    ),
    "bytes": lambda job: b"\xff\x00\xfe",
    "nested without end": lambda job: "[" * 100_000,
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_what_this_version_cannot_read_is_set_aside_and_waits_again_where_it_can_be_read(queue, job, tmp_path, change):
    file, foreign = tmp_path / "queue.sqlite", queue.add(job, tmp_path, "{n}")
    good = queue.add(job, tmp_path, "{n}")
    edit(file, "UPDATE runs SET job = ? WHERE id = ?", change(job.model_dump_json()), foreign)
    assert queue.next().id == good
    assert queue.next() is None
    row = queue.row(foreign)
    assert row.state == "unreadable"
    assert row.problem == row.unreadable
    assert "another version" in row.problem
    assert "\n" not in row.problem
    assert [row.id for row in queue.rows()] == [good, foreign]
    queue.close()
    edit(file, "UPDATE runs SET job = ? WHERE id = ?", job.model_dump_json(), foreign)  # as a newer version reads it
    newer = Queue(file)
    assert newer.next().id == foreign
    newer.close()


def test_odd_values_of_another_program_hide_no_other_row(queue, job, tmp_path):
    odd, good = queue.add(job, tmp_path, "{n}"), queue.add(job, tmp_path, "{n}")
    file = tmp_path / "queue.sqlite"
    edit(file, "UPDATE runs SET created = 'noon', place = 'first', folder = x'ff00', name = x'fe' WHERE id = ?", odd)
    edit(file, "INSERT INTO pictures VALUES (?, 'one', 'x'), (?, 2, x'00'), (?, 3, ?)", *[odd] * 3, "y" * 5000)
    assert {row.id for row in queue.rows()} == {odd, good} == set(queue.waiting())
    assert queue.pictures(odd) == {}
    queue.move(odd, 0)
    assert queue.waiting()[0] == odd


def test_a_file_of_an_earlier_version_goes_on(queue, job, tmp_path):
    run = queue.add(job, tmp_path, "{n}")
    queue.next()
    queue.close()
    edit(tmp_path / "queue.sqlite", "ALTER TABLE runs DROP COLUMN tries")
    now = Queue(tmp_path / "queue.sqlite")
    assert now.row(run).state == "interrupted"
    assert now.again(run)
    assert now.next().tries == 2  # so that what it made then is looked for
    now.close()


def test_a_file_from_before_batches_were_queued_goes_on(queue, job, tmp_path):
    runs = [queue.add(job, tmp_path, "{n}") for _ in range(2)]
    queue.close()
    edit(tmp_path / "queue.sqlite", "DROP INDEX batches")
    edit(tmp_path / "queue.sqlite", "ALTER TABLE runs DROP COLUMN kind")
    now = Queue(tmp_path / "queue.sqlite")
    assert [row.id for row in now.rows()] == runs[::-1]
    assert now.next().id == runs[0]
    now.accept("batch")
    now.add_batch(tmp_path, "{}")
    assert now.next("batch").folder == tmp_path
    assert now.next().id == runs[1]
    now.close()


def test_a_batch_waits_beside_the_jobs_and_only_once(queue, job, tmp_path):
    queue.accept("batch")
    assert queue.batch(tmp_path) is None
    run = queue.add(job, tmp_path, "{n}")
    for _ in range(2):
        queue.add_batch(tmp_path, '{"retry": true}')
    batch = queue.batch(tmp_path)
    assert (batch.kind, batch.state, batch.payload, batch.unreadable) == ("batch", "queued", '{"retry": true}', "")
    assert (queue.waiting(), queue.waiting("batch")) == ([run], [batch.id])
    assert [row.id for row in queue.rows()] == [run]
    assert queue.next("batch").id == batch.id
    queue.add_batch(tmp_path, "{}")
    assert queue.next("batch") is None
    assert queue.running() == []
    queue.end(batch.id, "done")
    queue.add_batch(tmp_path, "{}")
    assert queue.next("batch").id == queue.batch(tmp_path).id != batch.id


def test_a_waiting_batch_of_a_dead_process_goes_on_only_where_batches_are_made(queue, job, tmp_path):
    queue.accept("batch")
    queue.add_batch(tmp_path, "{}")
    queue.close()
    command_line = Queue(tmp_path / "queue.sqlite")
    assert command_line.next() is None
    assert command_line.batch(tmp_path).state == "queued"
    server = Queue(tmp_path / "queue.sqlite")
    server.accept("batch")
    assert server.next("batch").folder == tmp_path
    server.close()
    command_line.close()


def test_while_another_program_holds_the_file_all_can_be_read(queue, job, tmp_path, monkeypatch):
    monkeypatch.setattr(queue_file, "_PATIENCE", 0.1)
    run = queue.add(job, tmp_path, "{n}")
    with closing(sqlite3.connect(tmp_path / "queue.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for write in (lambda: queue.add(job, tmp_path, "{n}"), queue.next, lambda: queue.ask_to_stop(run)):
            with pytest.raises(QueueError, match="another program holds it"):
                write()
        assert queue.waiting() == [run]
        other.execute("ROLLBACK")
    assert queue.next().id == run


def test_a_damaged_file_that_is_then_moved_away_needs_no_restart(job, tmp_path):
    file = tmp_path / "queue.sqlite"
    file.write_bytes(b"nonsense " * 5000)
    queue = Queue(file)
    for call in (queue.rows, queue.next, lambda: queue.add(job, tmp_path, "{n}")):
        with pytest.raises(QueueError, match="move it away"):
            call()
    file.rename(tmp_path / "old.sqlite")
    run = queue.add(job, tmp_path, "{n}")
    assert queue.next().id == run
    queue.close()
