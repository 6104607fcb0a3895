"""In touch with a Ray cluster, which tells nobody that it is used."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from studio.errors import InputError, StudioError


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """In touch with the cluster; one that was started here ends with it."""
    ray = library()
    if mine := not ray.is_initialized():
        _reach(address)
        here = {} if address else {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
        try:
            ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **here)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"there is no Ray cluster at '{address}': {str(error).splitlines()[0]}") from None
        except Exception as error:  # Ray's own word for a start that takes too long
            raise StudioError(f"Ray does not start: {str(error).splitlines()[0]} Its logs are in /tmp/ray") from None
    try:
        yield
    finally:
        if mine:
            ray.shutdown()


def _reach(address: str | None) -> None:
    """Raise InputError where nobody listens at an address; Ray itself would try for minutes."""
    host, found, port = (address or "").removeprefix("ray://").rpartition(":")
    if not found:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"there is no Ray cluster at '{address}': {error}") from None


def library() -> Any:
    """Ray, once it may be imported; raises InputError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise InputError("Ray is not installed here; pip install 'studio-diffusion[ray]'") from None
    return ray


def hired(what: type, cores: int | None = None, *, lasting: bool = False) -> Any:
    """A class whose objects work in the cluster: each with a GPU of its own or, where there is none, with some cores.

    Without ``cores`` those of the smallest machine. One that is ``lasting`` is started anew where it dies, and
    hears what is called in the group "stopping" while it works.
    """
    ray = library()
    needs = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": cores or _smallest()}
    more: dict[str, Any] = {"max_restarts": -1, "concurrency_groups": {"stopping": 1}} if lasting else {}
    return ray.remote(**needs, **more)(what)


def _smallest() -> int:
    """Cores of the smallest machine that has any to give."""
    found = [int(node["Resources"].get("CPU", 0)) for node in library().nodes() if node["Alive"]]
    return min(filter(None, found), default=1)
