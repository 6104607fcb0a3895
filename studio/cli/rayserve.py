"""``studio serve``: the HTTP API for many users, on the machines of a Ray cluster.

One replica of Ray Serve answers and keeps the queue, in its machine's STUDIO_STATE; the pictures are made by workers
with models of their own, and land in its STUDIO_OUTPUT. Users have a token each. There is no encryption here: beyond
this machine put a proxy with TLS in front.
"""

import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from studio.cli.stopping import at_work
from studio.cli.terminal import say
from studio.config import Settings
from studio.errors import InputError
from studio.runtime.executors.ray_client import connected, library
from studio.server.tokens import HERE, read

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST: Final = "127.0.0.1"
_AT_ONCE: Final = 1000  # requests; those that follow a job stay open


def serve(
    *,
    address: str | None = None,
    host: str = HOST,
    port: int = 8000,
    workers: int = 1,
    tokens: Path | None = None,
    name: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True, show_default=False)] = (),
) -> None:
    """Serve the HTTP API to many users, on the machines of a Ray cluster.

    Jobs wait in one queue and are made by workers, each with a model and a GPU of its own. There is no encryption
    here: beyond this machine, put a proxy with TLS in front.

    Parameters
    ----------
    address:
        Of a running cluster, 10.0.0.5:6379, or auto for that of this machine; without it one is started here.
    host:
        Where to listen; 0.0.0.0 is everywhere, and then tokens are needed.
    port:
        Where to listen.
    workers:
        How many pictures are made at once.
    tokens:
        A file with a token for each user, one a line; without it one is made and printed.
    name:
        What users call the server: studio.example.org, or with a port.
    """
    if host not in HERE and tokens is None:
        raise InputError("beyond this machine every user needs a token; give a file with --tokens")
    from studio.cli.preflight import check_output, check_state

    users = read(tokens)
    ray_serve()
    if address is None:  # else the queue and the pictures are on another machine
        settings = Settings.from_environment()
        check_state(settings)
        check_output(settings)
    with connected(address):
        running = deploy(host=host, port=port, workers=workers, users=users, names=name)
        secret = "" if tokens else f"\nIts token is {users[0]}"
        say(f"The studio's API is at http://{host}:{port}/api{secret}", "Ctrl+C ends it.")
        at_work(lambda: "stopped")
        try:
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
        finally:
            running.shutdown()


def deploy(
    *, host: str, port: int, workers: int, users: tuple[str, ...], names: Sequence[str] = (), cores: int | None = None
) -> Any:
    """Deploy the API on the cluster that this process is connected to; returns Ray Serve, to shut it down."""
    running = ray_serve()

    def build() -> "ASGIApp":  # a function, or Ray Serve takes it for the app itself
        return app(port=port, workers=workers, users=users, names=tuple(names), cores=cores)

    api = type("Studio", (), {"__doc__": "The API and the queue; it makes no pictures itself."})
    options = {"num_replicas": 1, "max_ongoing_requests": _AT_ONCE, "ray_actor_options": {"num_cpus": 0}}
    running.start(http_options={"host": host, "port": port})
    running.run(running.deployment(**options)(running.ingress(build)(api)).bind(), name="studio", route_prefix="/")
    return running


def ray_serve() -> Any:
    """Ray Serve; raises InputError if its dependencies are not installed."""
    library()
    try:
        from ray import serve
    except ImportError:
        raise InputError("Ray Serve is not installed here; pip install 'studio-diffusion[serve]'") from None
    return serve


def app(*, port: int, workers: int, users: tuple[str, ...], names: tuple[str, ...], cores: int | None) -> "ASGIApp":
    """What the replica serves: the API behind the guard, on a session whose queue runs on the cluster's workers."""
    from studio.runtime.executors.ray_fixed import FixedRayExecutor
    from studio.runtime.session import Session
    from studio.server import api
    from studio.server.guard import Guard
    from studio.server.signed import SignedUrls

    signed = SignedUrls(secrets.token_bytes(32))
    session = Session(executor=FixedRayExecutor(workers, cores=cores))
    return Guard(api.build(session, signed=signed), port=port, tokens=users, names=names, signed=signed)
