"""Who makes a batch's pictures, by name."""

from studio.batches.local_executor import Local
from studio.batches.ray_executor import Cluster
from studio.batches.task import Maker
from studio.errors import InputError
from studio.plugins import unknown
from studio.runtime.session import Session


def of(engine: str, session: Session, address: str | None = None) -> Maker:
    """The maker "local", a session of this process, or "ray", the workers of the cluster at ``address``. Their
    pictures are in the session's gallery.

    Raises InputError for another, and for an address that nobody needs.
    """
    if engine == "ray":
        return Cluster(address, landed=session.listed)
    if engine != "local":
        raise InputError(unknown("engine", engine, ["local", "ray"]))
    if address:
        raise InputError("an address is a Ray cluster's; give --engine ray as well")
    return Local(session)
