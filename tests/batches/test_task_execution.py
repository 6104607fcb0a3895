"""Tasks on the real device where its work matters, and on a fake executor for all else."""

from pathlib import PurePosixPath

import pytest

from studio.batches import manifest_row
from studio.batches.task import Task, TaskFailed, TaskMade
from studio.batches.task_execution import execute_tasks
from studio.errors import Cancelled, InputError, OutputError
from studio.pictures import fast_record
from studio.pictures.picture import Picture
from studio.runtime.events import Step
from studio.workflow.job import Job
from tests.torture import fake


@pytest.fixture
def tasks():
    return fake.batch(3).tasks


class Breaks(fake.Executor):
    """Raises an error for the second job."""

    def __init__(self, error):
        super().__init__(self.hear)
        self.error = error

    def hear(self, job):
        if job.seed == 2:
            raise self.error


def test_pictures_are_made_at_their_places_by_the_real_session(session, text_to_image, tmp_path):
    job = Job.of(text_to_image, {"prompt": "a star", "loras": ["neon-glow"], "steps": 1, "count": 2}).alone(1)
    heard = []
    task = Task(1, job, PurePosixPath("a/b/star.png"))
    (made,) = execute_tasks(session.local, [task], tmp_path, heard.append)
    assert (made.path, fast_record.key(made.path)) == (tmp_path / "a/b/star.png", task.key)
    assert [type(event) for event in heard] == [Step]
    assert Picture(made.path).record["seconds"] > 0
    (worn,) = manifest_row.made(task, made.path, tmp_path).loras
    assert (worn.name, worn.sha256, worn.licence) == ("neon-glow", job.pins["lora:neon-glow"], "apache-2.0")
    assert list(execute_tasks(session.local, [task], tmp_path, heard.append)) == [TaskMade(task, made.path)]


@pytest.mark.parametrize("error", [InputError("no such model"), ValueError("a mistake of ours")])
def test_a_row_that_fails_does_not_stop_the_others(tasks, tmp_path, error):
    outcomes = list(execute_tasks(Breaks(error), tasks, tmp_path, lambda event: None))
    assert [type(outcome) for outcome in outcomes] == [TaskMade, TaskFailed, TaskMade]
    assert str(error) in outcomes[1].problem


@pytest.mark.parametrize("error", [OutputError("disk full"), Cancelled("stopped"), KeyboardInterrupt()])
def test_what_no_row_survives_stops_the_work(tasks, tmp_path, error):
    with pytest.raises(type(error)):
        list(execute_tasks(Breaks(error), tasks, tmp_path, lambda event: None))


@pytest.mark.parametrize("error", [RuntimeError("the page is gone"), KeyboardInterrupt()])
def test_what_a_listener_raises_stops_the_work(tasks, tmp_path, error):
    def leave(event):
        raise error

    with pytest.raises(type(error)):
        list(execute_tasks(fake.Executor(), tasks, tmp_path, leave))
    assert list(fast_record.pictures(tmp_path)) == []
