"""A slow reader misses what is stale, and nothing else."""

from studio.runtime.events import Done, Loading, Preview, Step
from studio.runtime.mailbox import Mailbox


def test_a_newer_step_or_preview_replaces_an_unread_one():
    woken = []
    mailbox = Mailbox(lambda: woken.append(True))
    for event in (Loading("spark"), Step(1, 1, 1, 2, None), Preview(1, b"a"), Step(1, 1, 2, 2, None), Done()):
        mailbox.put(event)
    taken = list(iter(mailbox.take, None))
    assert taken == [Loading("spark"), Preview(1, b"a"), Step(1, 1, 2, 2, None), Done()]
    assert len(woken) == 5
