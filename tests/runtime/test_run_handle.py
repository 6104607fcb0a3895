"""Runs through the queue, watched, stopped, retried and found again, on the real model at few steps."""

import io
import threading

import pytest
from PIL import Image

from studio.config import Settings
from studio.errors import Cancelled, InputError, StudioError
from studio.runtime.events import Done, Failed, Loading, Made, Preview, Queued, Step
from studio.runtime.session import Session
from studio.workflow.job import Job


@pytest.fixture
def own(tmp_path):
    """A session of the test's own, with its own queue."""
    session = Session(Settings(device="cpu", output=tmp_path / "out", state=tmp_path / "state"))
    yield session
    session.close()


@pytest.fixture
def asked(text_to_image):
    def job(count=1, steps=2, seed=7):
        return Job.of(text_to_image, {"prompt": "a red circle on white", "seed": seed, "count": count, "steps": steps})

    return job


def test_a_run_tells_from_loading_to_done(own, asked):
    run = own.submit(asked(count=2))
    events = list(run.events())
    kinds = [type(event) for event in events]
    assert kinds[-1] is Done
    assert kinds.count(Made) == 2
    assert [e.picture.path for e in events if isinstance(e, Made)] == [p.path for p in run.pictures]
    steps = [e for e in events if isinstance(e, Step)]
    assert (steps[-1].picture, steps[-1].pictures, steps[-1].step, steps[-1].steps) == (2, 2, 2, 2)
    assert run.state == "done"


def test_previews_are_small_jpegs_of_what_is_coming(own, asked):
    run = own.submit(asked(steps=25))
    previews = [e for e in run.events() if isinstance(e, Preview)]
    image = Image.open(io.BytesIO(previews[-1].jpeg)).convert("RGB")
    assert image.size == (256, 256)
    assert all(len(e.jpeg) < 30_000 for e in previews)
    final = run.pictures[0].image
    assert sum(abs(a - b) for a, b in zip(image.getpixel((10, 10)), final.getpixel((10, 10)), strict=True)) < 120


def test_a_queued_run_equals_the_same_job_run_at_once(own, asked, session, tmp_path):
    (queued,) = own.submit(asked()).wait()
    (at_once,) = session.run(asked(), out=tmp_path / "other")
    assert queued.image.tobytes() == at_once.image.tobytes()


def test_many_may_watch_one_run(own, asked):
    run, heard = own.submit(asked(count=2)), []
    watchers = [threading.Thread(target=lambda: heard.append(list(run.events())[-1])) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    run.wait()
    for watcher in watchers:
        watcher.join(10)
    assert heard == [Done()] * 3


def test_a_broken_watcher_disturbs_nobody(own, asked):
    run, heard = own.submit(asked(count=2)), []

    def broken(event):
        heard.append(event)
        if len(heard) > 1:
            raise RuntimeError("the page is gone")

    run.follow(broken)
    assert len(run.wait(60)) == 2
    assert len(heard) == 2


def test_a_late_watcher_hears_how_it_ended(own, asked):
    run = own.submit(asked())
    run.wait()
    assert list(run.events()) == [Done()]


def test_cancelling_stops_within_a_step_and_keeps_what_is_finished(own, asked, tmp_path):
    run = own.submit(asked(count=50))
    for event in run.events():
        if isinstance(event, Made):
            run.cancel()
    assert run.state == "cancelled"
    assert 1 <= len(run.pictures) < 50
    with pytest.raises(Cancelled, match="are kept"):
        run.wait()
    assert len(list((tmp_path / "out").iterdir())) == len(run.pictures)


def test_cancelling_one_leaves_the_other_alone(own, asked):
    first, second = own.submit(asked(count=20)), own.submit(asked())
    assert next(second.events()) in (Queued(0), Queued(1))
    first.cancel()
    assert len(second.wait(60)) == 1


def test_a_waiting_run_is_cancelled_at_once(own, asked):
    first, second = own.submit(asked(count=20)), own.submit(asked())
    second.cancel()
    assert second.state == "cancelled"
    first.cancel()


def test_retrying_makes_only_what_is_missing(own, asked):
    run = own.submit(asked(count=4))
    for event in run.events():
        if isinstance(event, Made):
            run.cancel()
    before = {p.path: p.path.stat().st_mtime_ns for p in run.pictures}
    after = run.retry().wait(60)
    assert [p.job.seed for p in after] == [7, 8, 9, 10]
    assert all(p.path.stat().st_mtime_ns == before[p.path] for p in after if p.path in before)


def test_another_session_finds_what_was_left(asked, tmp_path):
    settings = Settings(device="cpu", output=tmp_path / "out", state=tmp_path / "state")
    first = Session(settings)
    running, waiting = first.submit(asked(count=200)), first.submit(asked(seed=99))
    for event in running.events():
        if isinstance(event, Made):
            break
    first.close()
    second = Session(settings)
    assert [p.job.seed for p in second.find(waiting.id).wait(60)] == [99]
    assert second.find(running.id).state == "interrupted"
    assert [run.id for run in second.runs()] == [waiting.id, running.id]
    second.close()


def test_a_failed_run_says_why_and_the_next_one_runs(own, asked, tmp_path):
    (tmp_path / "file").touch()
    bad = own.submit(asked(), out=tmp_path / "file" / "folder")
    good = own.submit(asked())
    assert list(bad.events())[-1] == Failed(bad.problem)
    assert "cannot write" in bad.problem
    with pytest.raises(StudioError, match="cannot write"):
        bad.wait()
    assert len(good.wait(60)) == 1


def test_wrong_input_never_enters_the_queue(own, asked):
    with pytest.raises(InputError, match="no field"):
        own.submit(asked(), name="{nothing}")
    assert own.runs() == []
    with pytest.raises(InputError, match="no run"):
        own.find("nothing")


def test_waiting_may_be_given_up(own, asked):
    run = own.submit(asked(count=100))
    with pytest.raises(StudioError, match="it goes on"):
        run.wait(0.2)
    run.cancel()


def test_events_are_plain_data(own, asked):
    run = own.submit(asked())
    for event in run.events():
        assert event.name == type(event).__name__.lower()
        assert all(isinstance(v, str | int | float | None) for v in event.data().values())
    assert Loading("spark").data() == {"model": "spark"}
    assert Preview(1, b"\xff").data() == {"picture": 1, "jpeg": "/w=="}
