"""``studio app``: the web app and the HTTP API on one port, of this machine alone unless it is told otherwise."""

import os
import secrets
import socket
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging import LogRecord, getLogger
from typing import TYPE_CHECKING, Final

from studio.cli.preflight import check_output, check_state
from studio.cli.stopping import instead
from studio.cli.terminal import say
from studio.diffusion import libraries
from studio.errors import InputError
from studio.files import private
from studio.runtime.session import Session
from studio.server import tokens

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST: Final = "127.0.0.1"


def serve(
    port: int | None = None,
    *,
    host: str = HOST,
    root: str = "",
    names: Sequence[str] = (),
    token: str | None = None,
    show: bool = True,
) -> None:
    """Serve until Ctrl+C or SIGTERM; print the address with its token and open it where ``show`` says so.

    It then ends within a second, with exit code 0; what waits in the queue goes on the next time, and what was at work
    can be retried. Without a ``port`` it is 7860, or a free one where that is taken. ``names`` and ``root`` are as in
    ``Guard``. Without a ``token`` it is the one in the state folder, made the first time, so that a page outlives the
    server. Raises InputError for a port that is taken, a root without a slash, or a token that could be guessed, and
    beyond this machine where none is given; OutputError where pictures or the queue cannot be written.
    """
    session = Session()
    check_state(session.settings)
    check_output(session.settings)
    secret = tokens.checked(token, host) or tokens.kept(session.settings.state)
    if root and (not root.startswith("/") or root.endswith("/")):
        raise InputError(f"the root path '{root}' must begin with a slash and end without one, such as /studio")
    bound = _bound(host, port)
    here = bound.getsockname()[1]
    known = (*names, *(() if host in (*tokens.HERE, "0.0.0.0") else (host,)))  # noqa: S104 compared, not bound
    try:
        served = app(session, here, secret, names=known, root=root)
        _run(served, bound, f"http://{HOST}:{here}{root}/?token={secret}", show)
    finally:
        session.close()


def _run(served: "ASGIApp", bound: socket.socket, address: str, show: bool) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        """One that leaves the signals to us."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    server = Server(uvicorn.Config(served, log_level="warning", timeout_graceful_shutdown=0, ws="none"))
    getLogger("uvicorn.error").addFilter(_no_fault_of_ours)

    def end() -> None:
        getLogger("uvicorn.error").setLevel("CRITICAL")  # pages that listen are cut off, which is no error now
        server.should_exit = True

    bound.listen()  # from here on a browser may ask; it is answered once the server runs
    say(f"The studio is at {address}", "Ctrl+C ends it.")
    if show:
        webbrowser.open(address)
    instead(end)
    server.run(sockets=[bound])


def _no_fault_of_ours(record: LogRecord) -> bool:
    """Leaves out the traceback that uvicorn logs where a client sent what is not HTTP and is told so a second time."""
    from h11 import LocalProtocolError

    return not (record.exc_info and isinstance(record.exc_info[1], LocalProtocolError))


def app(session: Session, port: int, token: str, *, names: Sequence[str] = (), root: str = "") -> "ASGIApp":
    """The API with the web app mounted on it, and the guard in front of both."""
    _quieten(session)
    from studio.server import api, web
    from studio.server.batch_store import BatchStore
    from studio.server.guard import Guard
    from studio.server.signed import Addresses

    signed = Addresses(secrets.token_bytes(32))
    mounted = web.mount(api.build(session, BatchStore(session), signed), session)
    return Guard(mounted, port=port, tokens=(token,), names=names, root=root, signed=signed)


def _quieten(session: Session) -> None:
    """What gradio reads when it is imported: it tells nobody, and keeps what is dropped on a page to us.

    It brings the Hub's library, which is told to stay offline for the same reason.
    """
    libraries.shut()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    state = private.state_folder(session.settings.state.absolute())
    os.environ["GRADIO_TEMP_DIR"] = str(private.folder(state / "web"))


def _bound(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (7860, 0) if port is None else (port,):
        bound = socket.socket(
            family, proto=socket.IPPROTO_TCP
        )  # named, or asyncio lets small answers wait for each other
        if os.name != "nt":  # where it would let two programs share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, wanted))
            return bound
        except (OSError, OverflowError):
            bound.close()
    raise InputError(f"port {port or 7860} of '{host}' is taken or not allowed; give another with --port or --host")
