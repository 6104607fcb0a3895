"""``studio app``: the web app and the HTTP API on one port of this machine, behind the guard."""

import logging
import os
import secrets
import socket
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from studio import private
from studio.errors import InputError
from studio.session import Session

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST: Final = "127.0.0.1"  # never wider: who is on the network has no business here


def serve(port: int | None = None, *, show: bool = True) -> None:
    """Serve until Ctrl+C; print the address with its token and open it where ``show`` says so.

    Without a ``port`` it is 7860, or a free one where that is taken. Raises InputError for one that is taken.
    """
    bound, session, token = _bound(port), Session(), secrets.token_urlsafe(24)
    here = bound.getsockname()[1]
    try:
        _run(app(session, here, token), bound, f"http://{HOST}:{here}/?token={token}", show)
    finally:
        session.close()


def _run(served: "ASGIApp", bound: socket.socket, address: str, show: bool) -> None:
    import uvicorn

    bound.listen()  # from here on a browser may ask; it is answered once the server runs
    print(f"The studio is at {address}\nCtrl+C ends it.", flush=True)
    if show:
        webbrowser.open(address)
    with suppress(KeyboardInterrupt):
        config = uvicorn.Config(served, log_level="warning", timeout_graceful_shutdown=1, ws="none")
        logging.getLogger("uvicorn.error").addFilter(_no_fault_of_ours)
        uvicorn.Server(config).run(sockets=[bound])


def _no_fault_of_ours(record: logging.LogRecord) -> bool:
    """Leaves out the traceback that uvicorn logs where a client sent what is not HTTP and is told so a second time."""
    from h11 import LocalProtocolError

    return not (record.exc_info and isinstance(record.exc_info[1], LocalProtocolError))


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
    state = private.state_folder(session.settings.state.absolute())
    os.environ["GRADIO_TEMP_DIR"] = str(private.folder(state / "web"))


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
