"""The hub: who listens to a run hears where it stands and all that comes, whatever others do."""

import pytest

from studio.runtime.event_hub import Hub
from studio.runtime.events import Done, Loading, Preview, Queued, Stalled, Step


def test_a_listener_hears_first_where_the_run_stands_and_then_all_that_comes():
    hub, heard = Hub(), []
    leave = hub.subscribe("a", heard.append, lambda: Queued(1))
    hub.tell("a", Loading("spark"))
    hub.tell("b", Loading("another"))
    leave()
    hub.tell("a", Done())
    assert heard == [Queued(1), Loading("spark")]
    assert hub.listened_to() == set()


def test_what_is_told_while_somebody_subscribes_is_newer_than_where_it_was_standing():
    hub, heard = Hub(), []

    def standing():
        hub.tell("a", Done())  # it ends at this very moment
        return Loading("spark")

    hub.subscribe("a", heard.append, standing)
    assert heard == [Done()]


def test_a_broken_listener_keeps_nobody_from_hearing():
    hub, heard = Hub(), []

    def broken(event):
        if event != Queued(0):
            raise RuntimeError("the page is gone")

    hub.subscribe("a", broken, lambda: Queued(0))
    hub.subscribe("a", heard.append, lambda: Queued(0))
    hub.tell("a", Loading("spark"))
    hub.tell("a", Done())
    assert heard == [Queued(0), Loading("spark"), Done()]
    with pytest.raises(RuntimeError):  # one that never worked is its owner's to know of
        hub.subscribe("a", broken, lambda: Loading("spark"))
    assert hub.listened_to() == set()


def test_where_a_run_stands_is_told_again_after_a_stall():
    hub, heard = Hub(), []
    step = Step(1, 1, 2, 20, None)
    hub.subscribe("a", heard.append, lambda: Queued(0))
    for event in (step, Preview(1, b""), Stalled("the disk is full")):
        hub.tell("a", event)
    assert hub.present("a") == step
    hub.tell_again()
    assert heard[-1] == step
    hub.tell("a", Done())
    assert hub.present("a") is None
