"""The time left, from how fast the work has gone since it was first asked."""

from studio.runtime import time_left
from studio.runtime.time_left import TimeLeft


def test_what_came_before_the_first_call_does_not_count(monkeypatch):
    now = iter([100.0, 104.0, 104.0, 110.0])
    monkeypatch.setattr(time_left.time, "monotonic", lambda: next(now))
    left = TimeLeft(11)
    assert [left.after(done) for done in (1, 3, 1, 11)] == [None, 16.0, None, 0.0]


def test_nothing_is_known_of_an_unknown_number():
    left = TimeLeft(None)
    assert [left.after(1), left.after(2)] == [None, None]
