"""What works on another machine of a cluster: a device with its loaded models, whose pictures travel as whole files."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread

from studio.config import Settings
from studio.errors import StudioError
from studio.pictures import file_names
from studio.runtime.events import Event
from studio.runtime.executors.local import Device, stoppable
from studio.version import VERSION
from studio.workflow.job import Job


@dataclass(frozen=True)
class Painted:
    """A picture's whole file, its name without the ending, and the seconds it took; or why there is none."""

    data: bytes = b""
    stem: str = ""
    seconds: float = 0.0
    problem: str = ""


class Painter:
    """Makes one picture after another; the models stay loaded between them."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="studio-")
        self._device = Device(Settings.from_environment())
        self._stop = Flag()

    def version(self) -> tuple[str, str]:
        """Which studio this is, and on which machine."""
        return VERSION, socket.gethostname()

    def paint(self, job: str) -> Painted:
        """The picture of a job, of one picture, in JSON."""
        return self._painted(Job.from_json(job), 0, file_names.DEFAULT, _ignore, previews=False)

    def follow(self, job: str, number: int, name: str, previews: bool) -> Iterator[Event | Painted]:
        """All that happens while picture ``number`` (from 0) of a job is made, and last the picture."""
        said: SimpleQueue[Event | Painted] = SimpleQueue()
        self._stop.clear()

        def work() -> None:
            said.put(self._painted(Job.from_json(job), number, name, said.put, previews=previews))

        Thread(target=work, daemon=True).start()
        while not isinstance(event := said.get(), Painted):
            yield event
        yield event

    def stop(self) -> None:
        """End within a step what is at work."""
        self._stop.set()

    def _painted(self, job: Job, number: int, name: str, watch: Callable[[Event], None], *, previews: bool) -> Painted:
        others, folder = set(range(job.total)) - {number}, Path(self._folder.name)
        heard = stoppable(self._stop.is_set, watch)
        try:
            ((_, picture),) = self._device.work(job, folder, name, heard, previews=previews, finished=others)
        except StudioError as error:
            return Painted(problem=str(error))
        except Exception as error:  # a mistake of ours must be heard where somebody waits
            return Painted(problem=f"{type(error).__name__}: {error}")
        try:
            return Painted(picture.path.read_bytes(), picture.path.stem, float(picture.record["seconds"]))
        finally:
            picture.path.unlink()


def _ignore(event: Event) -> None:
    """Nobody watches."""
