"""``studio app``: the web app and the HTTP API on one port, by default only for this machine."""

import os
import secrets
import socket
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging import LogRecord, getLogger
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

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


def web(
    *,
    port: int | None = None,
    host: str = HOST,
    root_path: str = "",
    allow_host: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    token: Annotated[str | None, Parameter(env_var="STUDIO_TOKEN")] = None,
    open_page: Annotated[bool, Parameter(name="--open")] = True,
) -> None:
    """Open the web app in the browser. It also serves the HTTP API.

    The connection is not encrypted. To serve other machines, put a proxy with TLS in front.

    Ctrl+C and SIGTERM stop it within a second. Waiting jobs continue at the next start.

    Parameters
    ----------
    port:
        Port to serve on. Default: 7860, or a free one.
    host:
        Address to listen on. 0.0.0.0 is every address, and then a token is required.
    root_path:
        Path below which a proxy serves the app, such as /studio.
    allow_host:
        Another name under which browsers may reach it: that of a proxy, or host.docker.internal. May be repeated.
    token:
        Token that opens the app. Default: the one in the state folder.
    open_page:
        Open the page. --no-open only prints its address.
    """
    session = Session()
    check_state(session.settings)
    check_output(session.settings)
    secret = tokens.checked(token, host) or tokens.kept(session.settings.state)
    if root_path and (not root_path.startswith("/") or root_path.endswith("/")):
        raise InputError(f"the root path '{root_path}' must begin with a slash and end without one, such as /studio")
    bound = _bound(host, port)
    bound_port = bound.getsockname()[1]
    names = (*allow_host, *(() if host in (*tokens.HERE, "0.0.0.0") else (host,)))  # noqa: S104 compared, not bound
    try:
        served = app(session, bound_port, secret, names=names, root=root_path)
        _run(served, bound, f"http://{HOST}:{bound_port}{root_path}/?token={secret}", open_page)
    finally:
        session.close()


def _run(served: "ASGIApp", bound: socket.socket, address: str, show: bool) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        """A server that leaves the signals to the command."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    server = Server(uvicorn.Config(served, log_level="warning", timeout_graceful_shutdown=0, ws="none"))
    getLogger("uvicorn.error").addFilter(_is_own_fault)

    def end() -> None:
        getLogger("uvicorn.error").setLevel("CRITICAL")  # open streams are cut off, which is not an error now
        server.should_exit = True

    bound.listen()  # from now on a browser may connect; it is answered when the server runs
    say(f"The studio is at {address}", "Ctrl+C ends it.")
    if show:
        webbrowser.open(address)
    instead(end)
    server.run(sockets=[bound])


def _is_own_fault(record: LogRecord) -> bool:
    """False for the traceback that uvicorn logs after it has answered a client whose bytes are not HTTP."""
    from h11 import LocalProtocolError

    return not (record.exc_info and isinstance(record.exc_info[1], LocalProtocolError))


def app(session: Session, port: int, token: str, *, names: Sequence[str] = (), root: str = "") -> "ASGIApp":
    """The API with the web app mounted on it, behind the guard."""
    _configure_gradio(session)
    from studio.server import api, web
    from studio.server.batch_store import BatchStore
    from studio.server.guard import Guard
    from studio.server.signed import SignedUrls

    signed = SignedUrls(secrets.token_bytes(32))
    mounted = web.mount(api.build(session, BatchStore(session), signed), session)
    return Guard(mounted, port=port, tokens=(token,), names=names, root=root, signed=signed)


def _configure_gradio(session: Session) -> None:
    """Set what Gradio reads when it is imported: no analytics, and a private folder for uploads.

    Gradio imports the Hub's library, which is kept offline too.
    """
    libraries.go_offline()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    state = private.state_folder(session.settings.state.absolute())
    os.environ["GRADIO_TEMP_DIR"] = str(private.folder(state / "web"))


def _bound(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (7860, 0) if port is None else (port,):
        bound = socket.socket(family, proto=socket.IPPROTO_TCP)  # without it, asyncio does not set TCP_NODELAY
        if os.name != "nt":  # there it would let two programs share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, wanted))
            return bound
        except (OSError, OverflowError):
            bound.close()
    raise InputError(f"port {port or 7860} of '{host}' is taken or not allowed; give another with --port or --host")
