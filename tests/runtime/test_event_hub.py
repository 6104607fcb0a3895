"""The hub: who listens to a run hears where it stands and all that comes, whatever others do."""

import pytest

from studio.runtime.event_hub import EventHub
from studio.runtime.events import Done, Loading, Preview, Queued, Stalled, Step


def test_a_listener_hears_first_where_the_run_stands_and_then_all_that_comes():
    hub, heard = EventHub(), []
    leave = hub.subscribe("a", heard.append, lambda: Queued(1))
    hub.publish("a", Loading("spark"))
    hub.publish("b", Loading("another"))
    leave()
    hub.publish("a", Done())
    assert heard == [Queued(1), Loading("spark")]
    assert hub.subscribed() == set()


def test_what_is_told_while_somebody_subscribes_is_newer_than_where_it_was_standing():
    hub, heard = EventHub(), []

    def present():
        hub.publish("a", Done())  # it ends at this very moment
        return Loading("spark")

    hub.subscribe("a", heard.append, present)
    assert heard == [Done()]


def test_a_broken_listener_keeps_nobody_from_hearing():
    hub, heard = EventHub(), []

    def broken(event):
        if event != Queued(0):
            raise RuntimeError("the page is gone")

    hub.subscribe("a", broken, lambda: Queued(0))
    hub.subscribe("a", heard.append, lambda: Queued(0))
    hub.publish("a", Loading("spark"))
    hub.publish("a", Done())
    assert heard == [Queued(0), Loading("spark"), Done()]
    with pytest.raises(RuntimeError):  # one that never worked is its owner's to know of
        hub.subscribe("a", broken, lambda: Loading("spark"))
    assert hub.subscribed() == set()


def test_where_a_run_stands_is_told_again_after_a_stall():
    hub, heard = EventHub(), []
    step = Step(1, 1, 2, 20, None)
    hub.subscribe("a", heard.append, lambda: Queued(0))
    for event in (step, Preview(1, b""), Stalled("the disk is full")):
        hub.publish("a", event)
    assert hub.present("a") == step
    hub.repeat_present()
    assert heard[-1] == step
    hub.publish("a", Done())
    assert hub.present("a") is None
