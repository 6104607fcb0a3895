"""How long pictures take on this machine, from the records of earlier ones.

The first picture of a session includes loading its model, and its record does not say how long that took. So pictures
that took far longer than similar ones are ignored, and nothing is concluded from fewer than three.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any, Final, NamedTuple, Self

from pydantic import ValidationError

from studio.errors import OutputError, StudioError
from studio.files.untrusted import is_folder, resolved
from studio.library import Library
from studio.pictures import fast_record
from studio.runtime.workflow_executor import Effort, rehearse
from studio.workflow.job import Job
from studio.workflow.resolve import Assets, converted
from studio.workflow.workflow import Workflow

_MOST: Final = 500  # pictures that are looked at, the newest
_FEWEST: Final = 3  # of which something is concluded
_FEW: Final = 5  # of which a spread says little
_LOADING: Final = 3  # times as long as the quickest
_SPREAD: Final = (0.75, 1.5)  # what is assumed instead
_HUGE: Final = 10**9  # what no picture has: seconds, work, pixels
_DIGITS: Final = 6  # of the work that count, as in records


class Shape(NamedTuple):
    """What decides how long a picture takes, and how large its file is: its models, the ``work`` for them as in
    ``diffusion.workload``, and its ``pixels``."""

    workflow: str
    models: tuple[str, ...]
    work: float
    pixels: float

    @classmethod
    def of(cls, library: Library, *jobs: Job) -> Self:
        """That of a job's first picture; of several jobs, with the same workflow and models, the mean.

        The workflow is executed without a model. A job that cannot be made takes no time.
        """
        efforts = [_effort(job.alone(0), library) for job in jobs]
        work, pixels = (fmean(each) for each in zip(*efforts, strict=True))
        return cls(jobs[0].workflow, tuple(jobs[0].models()), round(work, _DIGITS), pixels)


class Measurement(NamedTuple):
    """A picture that was made here; a ``probe`` was made with its model loaded, only to measure it."""

    shape: Shape
    seconds: float
    bytes: int
    probe: bool = False


@dataclass(frozen=True)
class Speed:
    """Seconds a picture: ``typical``, and between ``least`` and ``most``; ``bytes`` on disk; ``how`` it is known."""

    typical: float
    least: float
    most: float
    bytes: float
    how: str


def measurements(folders: Iterable[Path], device: str) -> list[Measurement]:
    """From the newest pictures in the folders, those that were made on a device with this name."""
    files = dict.fromkeys(
        file for folder in folders if is_folder(folder) for file in fast_record.pictures(resolved(folder))
    )
    newest = sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)
    return list(filter(None, (_sample(file, device) for file in islice(newest, _MOST))))


def by_probe(shape: Shape, probe: Measurement) -> Speed:
    """How long a picture of this shape takes, from one that was made to measure it."""
    return _speed(shape, [probe], "measured on one picture made just now")


def of(shape: Shape, known: Iterable[Measurement]) -> Speed | None:
    """How long a picture of this shape takes, from others of this shape, else in proportion to the work of others with
    its models; None if too few are known.
    """
    same = [measurement for measurement in known if measurement.shape.models == shape.models]
    if probe := next((measurement for measurement in same if measurement.probe), None):
        return by_probe(shape, probe)
    like = [measurement for measurement in same if measurement.shape == shape]
    if len(like) >= _FEWEST:
        return _speed(shape, like, f"measured on {pictures(len(like))} of this kind, made on this machine")
    similar = [measurement for measurement in same if measurement.shape.workflow == shape.workflow]
    found = similar if len(similar) >= _FEWEST else same
    if len(found) >= _FEWEST:
        return _speed(shape, found, f"worked out from {pictures(len(found))} of other sizes or steps, made here")
    return None


def _speed(shape: Shape, found: list[Measurement], how: str) -> Speed:
    every = [measurement.seconds * shape.work / measurement.shape.work for measurement in found]
    seconds = [one for one in every if one <= _LOADING * min(every)]
    typical, exact = median(seconds), all(measurement.shape == shape for measurement in found)
    least, most = (typical * factor for factor in _SPREAD)
    if exact and len(seconds) >= _FEW:
        least, *_, most = quantiles(seconds, n=10)
    return Speed(
        typical,
        least,
        most,
        median(measurement.bytes * shape.pixels / measurement.shape.pixels for measurement in found),
        how,
    )


def _sample(file: Path, device: str) -> Measurement | None:
    """The measurement in a picture's record, which is not trusted."""
    try:
        if not (record := fast_record.record(file)):
            return None
        job = Job.model_validate(record["job"])
        pixels, work = (
            prod(map(int, str(fast_record.within(record, "size")).split("x"))),
            fast_record.within(record, "work"),
        )
        passes = fast_record.within(record, "passes")
        made_on = [fast_record.within(one, "device") for one in passes] if isinstance(passes, list) else []
        seconds = fast_record.within(record, "seconds")
    except (ValidationError, KeyError, ValueError, OutputError):
        return None
    if device in made_on and all(map(_is_amount, (seconds, work, pixels))):
        return Measurement(Shape(job.workflow, tuple(job.models()), work, pixels), float(seconds), file.stat().st_size)
    return None


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < _HUGE


def _effort(job: Job, library: Library) -> Effort:
    try:
        workflow = Workflow.of(job.workflow, job.definition, library)
        return rehearse(converted(job, workflow, Assets(library)), library)
    except StudioError:
        return Effort(0, 0)


def pictures(count: int) -> str:
    """ "1 picture", "1,200 pictures"."""
    return "1 picture" if count == 1 else f"{count:,} pictures"
