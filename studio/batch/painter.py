"""What works on another machine of a cluster: a session of its own, whose pictures travel as whole files."""

import socket
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from studio.config import Settings
from studio.errors import StudioError
from studio.job import Job
from studio.session import Session
from studio.version import VERSION


@dataclass(frozen=True)
class Painted:
    """A picture's whole file and the seconds it took; or, with neither, why there is none."""

    data: bytes = b""
    seconds: float = 0.0
    problem: str = ""


class Painter:
    """Makes one picture after another; the model stays loaded between them."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="studio-")
        self._session = Session(replace(Settings.from_environment(), output=Path(self._folder.name)))

    def version(self) -> tuple[str, str]:
        """Which studio this is, and on which machine."""
        return VERSION, socket.gethostname()

    def paint(self, job: str) -> Painted:
        """The picture of a job, of one picture, in JSON."""
        try:
            (picture,) = self._session.run(Job.from_json(job))
        except StudioError as error:
            return Painted(problem=str(error))
        try:
            return Painted(picture.path.read_bytes(), float(picture.record["seconds"]))
        finally:
            picture.path.unlink()
