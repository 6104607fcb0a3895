"""What runs on the other machines of a Ray cluster: an executor whose pictures travel back as whole files."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread

from studio.config import Settings
from studio.errors import StudioError
from studio.pictures import file_names
from studio.pictures.picture import Picture
from studio.pictures.publish import publish_bytes, publish_bytes_at
from studio.runtime.events import Event, Watch
from studio.runtime.executors.executor import problem_of, stoppable
from studio.runtime.executors.local import LocalExecutor
from studio.runtime.picture_request import PictureRequest
from studio.version import VERSION
from studio.workflow.job import Job


@dataclass(frozen=True)
class RemotePicture:
    """The whole file of a picture that was made elsewhere; or the problem that left it unmade, in one line."""

    data: bytes = b""
    problem: str = ""

    def publish(self, request: PictureRequest) -> Picture | StudioError:
        """The picture as the file that was requested, on this machine; or why there is none."""
        if self.problem:
            return StudioError(self.problem)
        try:
            if isinstance(request.name, PurePosixPath):
                return publish_bytes_at(self.data, request.out / request.name, request.job)
            stem = file_names.stem(request.name, request.job, request.number + 1)
            return publish_bytes(self.data, request.out, stem)
        except StudioError as error:
            return error


class RayWorker:
    """Makes one picture after another; the models stay loaded between them."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="studio-")
        self._executor = LocalExecutor(Settings.from_environment())
        self._stop = Flag()

    def version(self) -> tuple[str, str]:
        """The studio's version here, and the name of this machine."""
        return VERSION, socket.gethostname()

    def make(self, job: str) -> RemotePicture:
        """The picture of a job, of one picture, in JSON."""
        return self._make(self._request(job, 0, 1), lambda _: None, previews=False)

    def stream(self, job: str, number: int, of: int, previews: bool) -> Iterator[Event | RemotePicture]:
        """All events while a job's picture is made, which is number ``number`` (from 0) of ``of``, and then the
        picture."""
        sent: SimpleQueue[Event | RemotePicture] = SimpleQueue()
        request = self._request(job, number, of)
        self._stop.clear()
        Thread(target=lambda: sent.put(self._make(request, sent.put, previews=previews)), daemon=True).start()
        while not isinstance(event := sent.get(), RemotePicture):
            yield event
        yield event

    def stop(self) -> None:
        """End the picture that is being made, within a step."""
        self._stop.set()

    def _request(self, job: str, number: int, of: int) -> PictureRequest:
        return PictureRequest(Job.from_json(job), Path(self._folder.name), file_names.DEFAULT, number, of)

    def _make(self, request: PictureRequest, watch: Watch, *, previews: bool) -> RemotePicture:
        watch = stoppable(self._stop.is_set, watch)
        try:
            ((_, made),) = self._executor.execute([request], watch, previews=previews, total=1)
        except Exception as error:
            made = error
        if isinstance(made, Exception):
            return RemotePicture(problem=problem_of(made))
        try:
            return RemotePicture(made.path.read_bytes())
        finally:
            made.path.unlink()
