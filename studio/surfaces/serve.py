"""``studio app``: the web app and the HTTP API on one port of this machine, behind the guard."""

import os
import secrets
import socket
import webbrowser
from typing import TYPE_CHECKING, Final

from studio.errors import InputError
from studio.session import Session

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST: Final = "127.0.0.1"  # never wider: who is on the network has no business here


def serve(port: int | None = None, *, show: bool = True) -> None:
    """Serve until Ctrl+C; print the address with its token and open it where ``show`` says so.

    Without a ``port`` it is 7860, or a free one where that is taken. Raises InputError for one that is taken.
    """
    import uvicorn

    bound, session, token = _bound(port), Session(), secrets.token_urlsafe(24)
    here = bound.getsockname()[1]
    address = f"http://{HOST}:{here}/?token={token}"
    print(f"The studio is at {address}\nCtrl+C ends it; finished pictures are in '{session.settings.output}'.", flush=True)
    if show:
        webbrowser.open(address)
    try:
        config = uvicorn.Config(app(session, here, token), log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[bound])
    finally:
        session.close()


def app(session: Session, port: int, token: str) -> "ASGIApp":
    """The API with the web app mounted on it, and the guard in front of both."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    from studio.surfaces import api, web
    from studio.surfaces.guard import Guard

    return Guard(web.mount(api.build(session), session), port=port, token=token)


def _bound(port: int | None) -> socket.socket:
    for wanted in (7860, 0) if port is None else (port,):
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, wanted))
            return bound
        except (OSError, OverflowError):
            bound.close()
    raise InputError(f"port {port} is taken or not allowed; give another with --port")
