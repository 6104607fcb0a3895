"""Batches, and a session's queue, on a real Ray cluster of several nodes on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from studio.batches.batch import Batch
from studio.batches.run_batch import fill
from studio.batches.task import Task, TaskFailed, TaskMade
from studio.batches.task_execution import execute_tasks
from studio.cli.app import main
from studio.config import Settings
from studio.errors import InputError
from studio.pictures import fast_record
from studio.pictures.picture import Picture
from studio.runtime.executors.ray_autoscaling import AutoscalingRayExecutor
from studio.runtime.executors.ray_client import connected
from studio.runtime.executors.ray_fixed import FixedRayExecutor
from studio.runtime.session import Session
from studio.tensors import hardware
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests.runtime.executors import fake

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    return tmp_path_factory.mktemp("notes")


def started(nodes, tries=4):
    """Ray gives a machine fifteen seconds to start; a busy one may need a second try, with all files read."""
    try:
        made = nodes(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80_000_000})
        made.add_node(num_cpus=1, object_store_memory=80_000_000)
    except Exception:
        if tries == 1:
            raise
        return started(nodes, tries - 1)
    return made


@pytest.fixture(scope="module")
def nodes(notes):
    """A head without cores, and a node with one; workers inherit what the environment says."""
    from ray.cluster_utils import Cluster as Nodes

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_NOTES", str(notes))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
        made = started(Nodes)
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture(autouse=True)
def _fresh(notes):
    for note in notes.iterdir():
        note.unlink()


def workflow():
    return Workflow.load("text-to-image")


def tasks(count, **values):
    job = Job.of(workflow(), {"prompt": "a red circle on white", "steps": 2, "seed": 1, **values})
    jobs = [job.model_copy(update={"seed": n}).alone(0) for n in range(count)]
    return [Task(n + 1, job, PurePosixPath(f"{n}.png")) for n, job in enumerate(jobs)]


def silent(event):
    pass


def made_by(nodes, worker, tasks, out, watch=silent):
    """What becomes of tasks on the cluster."""
    return execute_tasks(AutoscalingRayExecutor(nodes.address, worker=worker), tasks, out, watch)


def begun(notes):
    """How often each job was begun, and by whom the jobs were."""
    by = {note.stem: note.read_text().splitlines() for note in notes.iterdir()}
    return Counter(job for jobs in by.values() for job in jobs), by


def test_each_job_is_done_once(nodes, notes, tmp_path):
    steps = []
    executor = AutoscalingRayExecutor(nodes.address, worker=fake.Quick)
    outcomes = list(execute_tasks(executor, todo := tasks(30), tmp_path, steps.append))
    assert {outcome.task.row for outcome in outcomes} == set(range(1, 31))
    assert all(isinstance(outcome, TaskMade) and outcome.path.is_file() for outcome in outcomes)
    counts, by = begun(notes)
    assert counts == Counter(task.job.model_dump_json() for task in todo)
    assert len(by) == 1
    assert (steps[-1].picture, steps[-1].pictures) == (30, 30)


def test_a_node_that_joins_helps_and_a_worker_that_dies_costs_one_picture(nodes, notes, tmp_path):
    made, killed, joined = [], None, None
    making = made_by(nodes, fake.Slow, todo := tasks(24), tmp_path)
    for outcome in making:
        made.append(outcome.task.row)
        if len(made) == 2:
            joined = nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
        (_, by) = begun(notes)
        if killed is None and len(by) == 2 and min(map(len, by.values())) >= 2:
            killed = min(by)
            os.kill(int(killed), signal.SIGKILL)
    counts, by = begun(notes)
    nodes.remove_node(joined)
    assert killed
    assert sorted(made) == list(range(1, 25))
    assert counts.total() <= len(todo) + 1
    assert len(by) >= 2  # the first and the one that joined; the killed one's heir, if it comes in time


_DRIVER = """
import sys
from pathlib import Path
from studio.batches.batch import Batch
from studio.runtime.executors.ray_autoscaling import AutoscalingRayExecutor
from studio.batches.run_batch import fill
from tests.runtime.executors import fake
from tests.runtime.executors.test_ray import silent, tasks, workflow

fill(Batch(workflow(), tasks(20)), Path(sys.argv[1]), AutoscalingRayExecutor(sys.argv[2], worker=fake.Slow), silent)
"""


def test_whoever_asked_is_killed_and_goes_on_later(nodes, notes, tmp_path):
    command = [sys.executable, "-c", _DRIVER, str(out := tmp_path / "out"), nodes.address]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while sum(1 for _ in out.glob("*.png")) < 4:
        assert first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.wait()
    there = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    filled = fill(
        Batch(workflow(), todo := tasks(20)), out, AutoscalingRayExecutor(nodes.address, worker=fake.Slow), silent
    )
    assert 4 <= filled.there == len(there) < 20
    assert (len(filled.made), filled.failed) == (20 - len(there), ())
    assert sorted(path.name for path in out.glob("*.png")) == sorted(f"{n}.png" for n in range(20))
    assert all(fast_record.key(out / task.place) == task.key for task in todo)
    assert all((out / name).stat().st_mtime_ns == when for name, when in there.items())
    assert begun(notes)[0].total() <= 20 + 2  # what was at work, and what waited behind it


@pytest.mark.slow
def test_a_job_that_kills_its_workers_is_given_up(nodes, tmp_path):
    poison = tasks(1, prompt="poison")
    outcomes = list(made_by(nodes, fake.Deadly, [*poison, *tasks(3)], tmp_path))
    assert Counter(map(type, outcomes)) == {TaskMade: 3, TaskFailed: 1}
    (failed,) = (outcome for outcome in outcomes if isinstance(outcome, TaskFailed))
    assert failed.task is poison[0]
    assert "died, 3 times" in failed.problem


def test_another_version_is_refused(nodes, tmp_path):
    with pytest.raises(InputError, match=r"'attic' has version 0\.0\.0 .*install one on all"):
        list(made_by(nodes, fake.Old, tasks(1), tmp_path))


def test_whoever_watches_can_stop_it(nodes, notes, tmp_path):
    from studio.errors import Cancelled

    def stop(event):
        if event.picture > 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        list(made_by(nodes, fake.Slow, tasks(10), tmp_path, stop))
    count = len(list(tmp_path.iterdir()))
    time.sleep(0.7)
    assert count == len(list(tmp_path.iterdir())) <= 3


def test_no_cluster_is_one_line():
    with pytest.raises(InputError, match="no Ray cluster at '127.0.0.1:1'"):
        list(execute_tasks(AutoscalingRayExecutor("127.0.0.1:1"), tasks(1), Path(), silent))


def test_the_same_command_makes_the_same_pictures_here_and_there(nodes, tmp_path, monkeypatch, capsys):
    (tmp_path / "icons.csv").write_text("prompt,steps\na red circle on white,2\na blue star on cream,2\n")
    monkeypatch.setenv("STUDIO_OUTPUT", str(tmp_path / "pictures"))
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path / "state"))
    asked = ["batch", str(tmp_path / "icons.csv"), "--workflow", "text-to-image", "--name", "{row}", "--out"]
    for more in ([str(tmp_path / "there"), "--engine", "ray", "--address", nodes.address], [str(tmp_path / "here")]):
        with hardware.threads(1), pytest.raises(SystemExit) as end:
            main([*asked, *more])
        assert (end.value.code, capsys.readouterr().out.count("\n")) == (0, 2)
    for name in ("2.png", "3.png"):
        here, there = (Picture(tmp_path / where / name) for where in ("here", "there"))
        assert np.array_equal(np.asarray(here.image), np.asarray(there.image))
        assert here.job == there.job
    assert (tmp_path / "there" / "manifest.csv").is_file()
    known = Session(Settings(state=tmp_path / "state")).gallery.find("blue star").entries
    assert {file.parent.name for one in known for file in one.files} == {"here", "there"}


def test_what_is_wrong_with_a_job_is_said_as_here(nodes, tmp_path):
    (task,) = tasks(1)
    wrong = task.job.model_copy(update={"pins": {"model:spark": "0" * 64}})
    (outcome,) = execute_tasks(AutoscalingRayExecutor(nodes.address), [Task(1, wrong, task.place)], tmp_path, silent)
    assert isinstance(outcome, TaskFailed)
    assert "the model 'spark' is not the one this was made with" in outcome.problem


def test_the_queue_s_pictures_are_made_elsewhere_and_a_lost_worker_s_anew(nodes, tmp_path):
    with connected(nodes.address):
        session = Session(
            Settings(output=tmp_path / "out", state=tmp_path / "state"), FixedRayExecutor(1, fake.Fragile, cores=1)
        )
        run = session.submit(
            Job.of(workflow(), {"prompt": "a red circle on white", "count": 2, "seed": 1}), name="picture {n}"
        )
        events = [event.name for event in run.events()]
        pictures = run.pictures
        session.close()
    assert [picture.path.name for picture in pictures] == ["picture 1.png", "picture 2.png"]
    assert events.count("made") == 2
    assert events[-1] == "done"
