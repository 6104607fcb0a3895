"""A batch at fake speed: no model, pictures of a few pixels, but published, found and listed like any."""

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

from PIL import Image

from studio.batches.batch import Batch
from studio.batches.task import Task
from studio.pictures.picture import Picture
from studio.pictures.publish import publish_at
from studio.runtime.events import Step
from studio.runtime.picture_request import PictureRequest, PictureResult
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

FACTS = {
    "studio": "0",
    "prompt": "x",
    "seconds": 0.001,
    "models": {"spark": {"sampler": "DDIM", "licence": "apache-2.0"}},
}


def jobs(count: int, seed: int = 1) -> Iterator[Job]:
    """Jobs of one picture each, all different."""
    for n in range(count):
        yield _whole().model_copy(update={"seed": seed + n})


@cache
def _whole() -> Job:
    return Job.of(Workflow.load("text-to-image"), {"prompt": "a red star", "seed": 1, "steps": 1})


def batch(count: int, seed: int = 1, folder: str = "pictures") -> Batch:
    """Tasks whose files go into sub-folders of a hundred each."""
    tasks = [
        Task(n + 1, job, PurePosixPath(folder, str(n // 100), f"{job.seed}.png"), {"subject": f"star {n}"})
        for n, job in enumerate(jobs(count, seed))
    ]
    return Batch(Workflow.load("text-to-image"), tasks, ("subject",))


class Executor:
    """Makes pictures without a model; ``begins`` is called with each job before it is made."""

    lanes = 1

    def __init__(self, begins: Callable[[Job], None] = lambda job: None) -> None:
        self._begins = begins

    def execute(
        self, requests: Iterable[PictureRequest], watch, *, previews: bool = False, total: int | None = None
    ) -> Generator[PictureResult, None, None]:
        for one in requests:
            watch(Step(1, 1, 1, 1, None))
            yield one, self._made(one)

    def close(self) -> None:
        pass

    def _made(self, one: PictureRequest) -> Picture | Exception:
        try:
            self._begins(one.job)
            return publish_at(self.draw(one.job), one.out / one.name, one.job, FACTS)
        except Exception as error:
            return error

    def draw(self, job: Job) -> Image.Image:
        """The job's picture; raises what shall be wrong with it."""
        return picture(job)


def picture(job: Job) -> Image.Image:
    """Pixels that follow from the job."""
    return Image.frombytes("RGB", (4, 8), hashlib.sha256(job.key.encode()).digest() * 3)


def note(log: Path, line: str) -> None:
    """Append a line, by one call of the system's."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)
