"""``studio app``: the web app and the HTTP API on one port of this machine, behind the guard."""

import os
import secrets
import socket
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from studio.errors import InputError
from studio.session import Session
from studio.surfaces.preflight import check_output, check_state
from studio.surfaces.terminal import say

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST: Final = "127.0.0.1"  # never wider: who is on the network has no business here


def serve(port: int | None = None, *, show: bool = True) -> None:
    """Serve until Ctrl+C; print the address with its token and open it where ``show`` says so.

    Without a ``port`` it is 7860, or a free one where that is taken. Raises InputError for one that is taken,
    OutputError where pictures or the queue cannot be written.
    """
    session, token = Session(), secrets.token_urlsafe(24)
    check_state(session.settings)
    check_output(session.settings)
    bound = _bound(port)
    here = bound.getsockname()[1]
    try:
        _run(app(session, here, token), bound, f"http://{HOST}:{here}/?token={token}", show)
    finally:
        session.close()


def _run(served: "ASGIApp", bound: socket.socket, address: str, show: bool) -> None:
    import uvicorn

    bound.listen()  # from here on a browser may ask; it is answered once the server runs
    say(f"The studio is at {address}", "Ctrl+C ends it.")
    if show:
        webbrowser.open(address)
    with suppress(KeyboardInterrupt):
        config = uvicorn.Config(served, log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[bound])


def app(session: Session, port: int, token: str) -> "ASGIApp":
    """The API with the web app mounted on it, and the guard in front of both."""
    _quieten(session)
    from studio.surfaces import api, web
    from studio.surfaces.batchdesk import Desk
    from studio.surfaces.guard import Guard

    return Guard(web.mount(api.build(session, Desk(session)), session), port=port, tokens=(token,))


def _quieten(session: Session) -> None:
    """What gradio reads when it is imported: it tells nobody, and keeps what is dropped on a page to us."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(session.settings.state.absolute() / "web")


def _bound(port: int | None) -> socket.socket:
    for wanted in (7860, 0) if port is None else (port,):
        bound = socket.socket(proto=socket.IPPROTO_TCP)  # named, or asyncio lets small answers wait for each other
        if os.name != "nt":  # where it would let two programs share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, wanted))
            return bound
        except (OSError, OverflowError):
            bound.close()
    raise InputError(f"port {port} is taken or not allowed; give another with --port")
