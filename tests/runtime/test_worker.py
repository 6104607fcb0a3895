"""The worker lives on, whatever the queue's disk, a run or a listener does; with an executor that needs no model."""

import errno
import sqlite3
import threading
from contextlib import suppress
from itertools import count

import pytest

from studio.config import Settings
from studio.errors import Cancelled, InputError, OutputError, QueueError, StudioError
from studio.pictures import fast_record
from studio.runtime import queue_file, worker
from studio.runtime.events import Done, Queued, Stalled
from studio.runtime.queue_file import QueueFile
from studio.runtime.session import Session
from tests.torture import fake
from tests.torture.full import Quick


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    for module, name in ((worker, "_POLL"), (worker, "_RETRY"), (queue_file, "_PATIENCE")):
        monkeypatch.setattr(module, name, 0.01)


@pytest.fixture
def opened(tmp_path):
    """Sessions on one state folder; what they draw with may be chosen."""
    sessions = []

    def open_(executor=None):
        settings = Settings(output=tmp_path / "out", device="cpu", state=tmp_path / "state")
        sessions.append(Session(settings, executor=executor or Quick()))
        return sessions[-1]

    yield open_
    for session in sessions:
        session.close()


def job(seed=0, pictures=2):
    return next(fake.jobs(1)).model_copy(update={"seed": seed, "count": pictures})


def keys(tmp_path):
    return [fast_record.key(path) for path in fast_record.pictures(tmp_path / "out")]


class Broken:
    """The queue's file, some statements of which fail; ``numbers`` (from 0) say which, all with ``failing``."""

    def __init__(self, monkeypatch):
        self.failing, self.numbers, self.asked = None, (), count()
        real = QueueFile._connection

        def connection(file):
            if self.failing and next(self.asked) in self.numbers:
                raise self.failing
            return real(file)

        monkeypatch.setattr(QueueFile, "_connection", connection)

    def fail(self, error, numbers):
        self.failing, self.numbers, self.asked = error, numbers, count()

    def mend(self):
        self.failing = None


def failure(code, text):
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


FULL = failure(sqlite3.SQLITE_FULL, "database or disk is full")
FAILURES = {
    "full": FULL,
    "io": failure(sqlite3.SQLITE_IOERR_WRITE, "disk I/O error"),
    "read-only": failure(sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
    "locked": failure(sqlite3.SQLITE_BUSY, "database is locked"),
    "corrupt": failure(sqlite3.SQLITE_CORRUPT, "database disk image is malformed"),
    "gone": OSError(errno.EIO, "Input/output error"),
}


@pytest.fixture
def broken(monkeypatch):
    return Broken(monkeypatch)


@pytest.mark.parametrize("error", FAILURES.values(), ids=FAILURES)
def test_whichever_statement_fails_each_picture_is_made_once(opened, broken, tmp_path, error):
    """Each of the first statements after the run was queued fails, some in a row: the worker's among them."""
    session = opened()
    for at in range(12):
        run = session.submit(job(seed=10 * at))
        broken.fail(error, range(at, at + 1 + at % 4))
        assert len(run.wait(60)) == 2
        broken.mend()
    assert len(keys(tmp_path)) == len(set(keys(tmp_path))) == 24


def test_while_the_disk_is_full_everybody_is_told_why_and_then_it_goes_on(opened, broken):
    drawing, go = threading.Event(), threading.Event()

    class Held(Quick):
        def execute(self, *given, **named):
            for made in super().execute(*given, **named):
                drawing.set()
                go.wait(60)
                yield made

    session, heard, others = opened(Held()), [], []
    stalled = threading.Event()
    run, waiting = session.submit(job()), session.submit(job(seed=10))
    run.follow(lambda event: (heard.append(event), stalled.set() if isinstance(event, Stalled) else None))
    waiting.follow(others.append)
    assert drawing.wait(60)
    broken.fail(FULL, range(10**9))
    go.set()
    assert stalled.wait(60)
    with pytest.raises(QueueError, match="make room on its disk"):
        session.submit(job(seed=20))
    assert "make room" in heard[-1].problem
    late = []
    session.subscribe(run.id, late.append)
    assert isinstance(late[0], Stalled)
    broken.mend()
    assert len(run.wait(60)) == len(waiting.wait(60)) == 2
    assert heard[-1] == others[-1] == Done()
    assert any(isinstance(event, Stalled) for event in others)
    assert [type(event) for event in others if isinstance(event, Stalled | Queued)][-1] is Queued
    assert session.status(run.id).stalled == ""


def test_what_is_at_work_can_be_stopped_though_nothing_can_be_noted(opened, broken):
    drawing, go = threading.Event(), threading.Event()

    class Held(Quick):
        def execute(self, *given, **named):
            for made in super().execute(*given, **named):
                yield made
                drawing.set()
                go.wait(60)

    session = opened(Held())
    run = session.submit(job(pictures=3))
    assert drawing.wait(60)
    broken.fail(FULL, range(10**9))
    run.cancel()
    go.set()
    broken.mend()
    with pytest.raises(Cancelled, match="1 of 3"):
        run.wait(60)


def test_a_picture_that_was_written_but_not_noted_is_found_and_not_made_again(opened, broken, tmp_path):
    class Killed(Quick):
        def execute(self, requests, *given, **named):
            yield next(super().execute(requests, *given, **named))
            broken.fail(FULL, range(10**9))  # of the second nothing is noted any more, up to the end
            yield from super().execute(requests, *given, **named)

    first = opened(Killed())
    run = first.submit(job(pictures=3))
    same = job(pictures=3)
    stalled = threading.Event()
    run.follow(lambda event: stalled.set() if isinstance(event, Stalled) else None)
    assert stalled.wait(60)
    first.close()
    broken.mend()
    second = opened()
    again = second.submit(same)  # somebody asks for the same: it is made, whatever lies there
    assert second.find(run.id).state == "interrupted"
    assert len(again.wait(60)) == 3
    pictures = second.find(run.id).retry().wait(60)
    assert len(keys(tmp_path)) == 6
    assert len({picture.path for picture in [*pictures, *again.pictures]}) == 6


@pytest.mark.parametrize(
    "error", [MemoryError(), SystemExit(3), KeyboardInterrupt(), RecursionError(), OSError(5, "x")]
)
def test_whatever_a_step_raises_the_next_run_is_made(opened, error):
    class Raising(Quick):
        def execute(self, requests, *given, **named):
            requests = list(requests)
            if requests[0].job.seed == 0:
                raise error
            yield from super().execute(requests, *given, **named)

    session = opened(Raising())
    bad, good = session.submit(job()), session.submit(job(seed=5))
    assert len(good.wait(60)) == 2
    with pytest.raises(StudioError, match=type(error).__name__):
        bad.wait(60)


def test_a_listener_that_ends_the_world_ends_nothing(opened):
    session = opened()

    def listener(event):
        raise SystemExit if not isinstance(event, Queued) else heard.append(event)

    heard = []
    bad, good = session.submit(job()), session.submit(job(seed=5))
    session.subscribe(good.id, lambda event: None)
    with suppress(SystemExit):  # it may be at work already
        session.subscribe(bad.id, listener)
    assert len(session.submit(job(seed=10)).wait(60)) == 2


def test_a_thread_that_cannot_be_started_is_started_later(opened, monkeypatch):
    session, real = opened(), threading.Thread.start

    def start(thread):
        if thread.name == "studio":
            raise RuntimeError("can't start new thread")
        real(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        run = session.submit(job())
        assert run.state == "queued"
    assert len(run.wait(60)) == 2


def test_a_full_output_folder_fails_the_run_and_one_more_try_makes_the_rest(opened, tmp_path):
    class Full(Quick):
        tries = 0

        def execute(self, *given, **named):
            for made in super().execute(*given, **named):
                yield made
                self.tries += 1
                if self.tries == 1:
                    raise OutputError("cannot write to 'out': No space left on device")

    session = opened(Full())
    run = session.submit(job(pictures=3))
    with pytest.raises(StudioError, match="No space left"):
        run.wait(60)
    assert len(run.retry().wait(60)) == 3
    assert len(keys(tmp_path)) == 3


def test_a_run_that_cannot_be_read_is_not_tried_again(opened, tmp_path):
    session = opened()
    run = session.submit(job())
    run.wait(60)
    session._queue._file.ask("UPDATE runs SET job = '{}', state = 'failed' WHERE id = ?", run.id)
    with pytest.raises(InputError, match="another version"):
        run.retry()
