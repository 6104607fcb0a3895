"""Runs slow or frequent work on a few threads, so that reading and cancelling never wait for it."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Request

from studio.errors import Cancelled

_T = TypeVar("_T")

Check = Callable[[], None]

_JOBS: Final = RunVar[CapacityLimiter]("jobs")  # one for each event loop
_TABLES: Final = RunVar[CapacityLimiter]("tables")


async def in_turn(work: Callable[[], _T]) -> _T:
    """Run ``work`` when all earlier work is done, and return its result."""
    return await to_thread.run_sync(work, limiter=_of(_JOBS, 1))


async def while_there(request: Request, work: Callable[[Check], _T]) -> _T:
    """Run ``work`` and return its result; it is cancelled when the client disconnects.

    ``work`` gets a function to call regularly, which raises Cancelled after the client has disconnected.
    """
    disconnected = threading.Event()

    async def listen() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        disconnected.set()

    listening = asyncio.create_task(listen())
    try:
        return await to_thread.run_sync(partial(work, partial(_check, disconnected)), limiter=_of(_TABLES, 2))
    finally:
        listening.cancel()


def _of(kind: RunVar[CapacityLimiter], at_once: int) -> CapacityLimiter:
    try:
        return kind.get()
    except LookupError:
        kind.set(limiter := CapacityLimiter(at_once))
        return limiter


def _check(disconnected: threading.Event) -> None:
    if disconnected.is_set():
        raise Cancelled("the client has disconnected")
