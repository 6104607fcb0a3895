"""Events as server-sent events, without a thread for each client."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from studio.runtime.events import Event, Watch
from studio.runtime.mailbox import Mailbox
from studio.runtime.run_handle import Run, ended
from studio.server.api import serializers

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Headers of a stream: it is not cached, and nginx passes each event on at once."""

_SILENCE = 1.0  # seconds after which a comment keeps the line open


def run_events(run: Run, output: Path) -> AsyncIterator[str]:
    """A run's present state and all later events, until it is over or the client leaves."""
    return server_sent(run.follow, lambda: ended(run), lambda event: serializers.event(event, output))


async def server_sent(
    follow: Callable[[Watch], Callable[[], None]],
    ended: Callable[[], Event | None],
    serialize: Callable[[Event], dict[str, Any]],
) -> AsyncIterator[str]:
    """The events that ``follow`` passes to its listener, up to the final one; ``serialize`` gives their JSON.

    While there are none, ``ended`` is called now and then: the work may have ended in another process. A slow client
    misses steps and previews that newer ones have replaced, and nothing else.
    """
    loop, filled = asyncio.get_running_loop(), asyncio.Event()
    mailbox = Mailbox(lambda: loop.call_soon_threadsafe(filled.set))
    leave = await asyncio.to_thread(follow, mailbox.put)
    try:
        while True:
            silent = False
            try:
                async with asyncio.timeout(_SILENCE):
                    await filled.wait()
            except TimeoutError:
                silent = True
            filled.clear()
            event = mailbox.take() or (await asyncio.to_thread(ended) if silent else None)
            if silent and not event:
                yield ": still here\n\n"
            while event:
                yield f"event: {event.name}\ndata: {json.dumps(serialize(event))}\n\n"
                if event.final:
                    return
                event = mailbox.take()
    finally:
        leave()


async def over(run: Run) -> None:
    """Return once a run of this process is over; waiting takes no thread."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()

    def listen(event: Event) -> None:
        if event.final:
            loop.call_soon_threadsafe(end.set)

    leave = await asyncio.to_thread(run.follow, listen)
    try:
        await end.wait()
    finally:
        leave()
