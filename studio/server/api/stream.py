"""A run's events as server-sent events, without a thread for each listener."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from studio.runtime.events import Event
from studio.runtime.run_handle import Run, ended
from studio.server.api import serializers

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Of an answer that is a stream: nobody keeps it, and nginx passes each event on at once."""

_SILENCE = 1.0  # seconds after which a comment keeps the line open


def lines(run: Run, output: Path) -> AsyncIterator[str]:
    """A run's present state and every event from now on, until it is over or nobody listens."""
    return told(run.follow, lambda: ended(run), lambda event: serializers.event(event, output))


async def told(
    follow: Callable[[Callable[[Event], None]], Callable[[], None]],
    ended: Callable[[], Event | None],
    say: Callable[[Event], dict[str, Any]],
) -> AsyncIterator[str]:
    """The events that ``follow`` hands to a listener, as ``say`` has them, up to the one that ends them.

    ``ended`` is asked in silence how it ended meanwhile. A slow listener misses steps and previews that newer ones
    have replaced, and nothing else.
    """
    mailbox = _Mailbox()
    leave = await asyncio.to_thread(follow, mailbox.post)
    try:
        while True:
            event = await mailbox.take() or await asyncio.to_thread(ended)
            yield f"event: {event.name}\ndata: {json.dumps(say(event))}\n\n" if event else ": still here\n\n"
            if event and event.final:
                return
    finally:
        leave()


async def over(run: Run) -> None:
    """Return once a run of this process's is over; waiting takes no thread."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()

    def hear(event: Event) -> None:
        if event.final:
            loop.call_soon_threadsafe(end.set)

    leave = await asyncio.to_thread(run.follow, hear)
    try:
        await end.wait()
    finally:
        leave()


class _Mailbox:
    """Events on their way from the worker's thread to this loop."""

    def __init__(self) -> None:
        self._loop, self._filled = asyncio.get_running_loop(), asyncio.Event()
        self._events: list[Event] = []

    def post(self, event: Event) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._put, event)

    def _put(self, event: Event) -> None:
        if event.stale_soon:
            self._events = [old for old in self._events if type(old) is not type(event)]
        self._events.append(event)
        self._filled.set()

    async def take(self) -> Event | None:
        """The oldest event not yet taken; None after a while of silence."""
        try:
            async with asyncio.timeout(_SILENCE):
                await self._filled.wait()
        except TimeoutError:
            return None
        event = self._events.pop(0)
        if not self._events:
            self._filled.clear()
        return event
