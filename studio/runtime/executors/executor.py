"""What makes pictures: the device of this machine, or the machines of a Ray cluster."""

from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Protocol

from studio.errors import Cancelled, StudioError
from studio.library import Library
from studio.pictures import file_names
from studio.pictures.picture import Picture
from studio.pictures.publish import check_folder
from studio.runtime.events import Event, Watch
from studio.runtime.picture_request import PictureRequest, PictureResult
from studio.workflow.job import Job
from studio.workflow.resolve import Assets, resolve


class Executor(Protocol):
    """Makes pictures. The queue and batches use it without knowing where it runs."""

    @property
    def lanes(self) -> int:
        """How many calls of ``execute`` may run at once, each in its own thread."""
        ...

    def execute(
        self, requests: Iterable[PictureRequest], watch: Watch, *, previews: bool = False, total: int | None = None
    ) -> Generator[PictureResult, None, None]:
        """Make the pictures and yield each as soon as its file is complete, in any order.

        A request that fails yields its error and does not stop the others. ``watch`` receives Steps, and Previews if
        they are wanted; what it raises, and closing the generator, stops the work within a step and leaves no partial
        file. Requests may be consumed lazily. ``total`` is how many there are, if known, for the time left.
        """
        ...

    def close(self) -> None:
        """Release everything. Nothing may be running."""
        ...


def run_job(
    executor: Executor,
    library: Library,
    job: Job,
    out: Path,
    name: file_names.Name,
    watch: Watch,
    *,
    previews: bool = False,
    finished: Collection[int] = (),
) -> Generator[tuple[int, Picture], None, None]:
    """Make the job's pictures, except those numbered in ``finished``; yield each with its number from 0.

    Wrong input is found before anything is written. Raises the error of the first picture that fails.
    """
    assets = Assets(library)
    resolve(job, assets)
    if isinstance(name, str):
        file_names.check(name)
    check_folder((out / name).parent)
    todo = [n for n in range(job.total) if n not in finished]
    requests = (PictureRequest(job.alone(n), out, name, n, job.total, assets) for n in todo)
    with closing(executor.execute(requests, watch, previews=previews, total=len(todo))) as results:
        for request, made in results:
            if isinstance(made, Exception):
                raise made
            yield request.number, made


def problem_of(error: Exception) -> str:
    """Why a picture was not made, in one line; the error's type as well if it is a bug."""
    return str(error) if isinstance(error, StudioError) else f"{type(error).__name__}: {error}"


def stoppable(stop: Callable[[], bool], watch: Watch) -> Watch:
    """``watch``, which raises Cancelled as soon as ``stop`` returns true."""

    def passed(event: Event) -> None:
        if stop():
            raise Cancelled("stopped")
        watch(event)

    return passed
