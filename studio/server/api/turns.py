"""Work that comes in numbers, or takes long, on a few threads: reading and cancelling never wait for it."""

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

_JOBS: Final = RunVar[CapacityLimiter]("jobs")  # each server, which is an event loop, has its own
_TABLES: Final = RunVar[CapacityLimiter]("tables")


async def in_turn(work: Callable[[], _T]) -> _T:
    """What ``work`` returns, once it is its turn."""
    return await to_thread.run_sync(work, limiter=_of(_JOBS, 1))


async def while_there(request: Request, work: Callable[[Check], _T]) -> _T:
    """What ``work`` returns, which ends when its client leaves: it is given a function to call now and then, which
    raises Cancelled from that moment on."""
    left = threading.Event()

    async def listen() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left.set()

    listening = asyncio.create_task(listen())
    try:
        return await to_thread.run_sync(partial(work, partial(_check, left)), limiter=_of(_TABLES, 2))
    finally:
        listening.cancel()


def _of(kind: RunVar[CapacityLimiter], at_once: int) -> CapacityLimiter:
    try:
        return kind.get()
    except LookupError:
        kind.set(limiter := CapacityLimiter(at_once))
        return limiter


def _check(left: threading.Event) -> None:
    if left.is_set():
        raise Cancelled("whoever asked has left")
