"""The connection to a Ray cluster, without Ray's usage reports."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from studio.errors import InputError, StudioError


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connected to the cluster while inside; without an address, to one that is started here and ends with it."""
    ray = library()
    if mine := not ray.is_initialized():
        _reach(address)
        here = {} if address else {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
        try:
            ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **here)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"there is no Ray cluster at '{address}': {str(error).splitlines()[0]}") from None
        except Exception as error:  # what Ray raises for a start that takes too long
            raise StudioError(f"Ray does not start: {str(error).splitlines()[0]} Its logs are in /tmp/ray") from None
    try:
        yield
    finally:
        if mine:
            ray.shutdown()


def _reach(address: str | None) -> None:
    """Raise InputError if nothing listens at an address; Ray itself would try for minutes."""
    host, found, port = (address or "").removeprefix("ray://").rpartition(":")
    if not found:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"there is no Ray cluster at '{address}': {error}") from None


def library() -> Any:
    """Ray; raises InputError if it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise InputError("Ray is not installed here; pip install 'studio-diffusion[ray]'") from None
    return ray


def remote_class(worker: type, cores: int | None = None, *, restarts: bool = False) -> Any:
    """The class as a Ray actor: each object has a GPU of its own or, in a cluster without GPUs, some cores.

    Without ``cores`` those of the smallest machine. With ``restarts`` Ray restarts an object that dies, and calls in
    the concurrency group "stopping" run while it works.
    """
    ray = library()
    needs = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": cores or _smallest()}
    more: dict[str, Any] = {"max_restarts": -1, "concurrency_groups": {"stopping": 1}} if restarts else {}
    return ray.remote(**needs, **more)(worker)


def _smallest() -> int:
    """Cores of the smallest machine that has any."""
    found = [int(node["Resources"].get("CPU", 0)) for node in library().nodes() if node["Alive"]]
    return min(filter(None, found), default=1)
