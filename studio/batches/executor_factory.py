"""Which executor makes a batch's pictures, by name."""

from studio.errors import InputError
from studio.plugins import unknown
from studio.runtime.executors.executor import Executor
from studio.runtime.executors.ray_autoscaling import AutoscalingRayExecutor
from studio.runtime.session import Session


def executor_of(engine: str, session: Session, address: str | None = None) -> Executor:
    """The executor "local", the session's device, or "ray", the workers of the cluster at ``address``.

    Their pictures are put into the session's gallery. Raises InputError for any other engine, and for an address that
    is not used.
    """
    if engine == "ray":
        return session.with_gallery(AutoscalingRayExecutor(address))
    if engine != "local":
        raise InputError(unknown("engine", engine, ["local", "ray"]))
    if address:
        raise InputError("an address is a Ray cluster's; give --engine ray as well")
    return session.local
