"""How long pictures take on this machine, by what the records of earlier ones say.

The first picture of a session also paid for loading its model, and its record does not say how much. So pictures that
took far longer than their like do not count, and of fewer than three nothing is concluded.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import islice
from math import prod
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final, NamedTuple, Self

from pydantic import ValidationError

from studio.errors import OutputError
from studio.job import Job
from studio.kinds import Size
from studio.models import library
from studio.record import glance
from studio.untrusted.files import is_folder, resolved

_MOST: Final = 500  # pictures that are looked at, the newest
_FEWEST: Final = 3  # of which something is concluded
_FEW: Final = 5  # of which a spread says little
_LOADING: Final = 3  # times as long as the quickest
_SPREAD: Final = (0.75, 1.5)  # what is assumed instead


class Shape(NamedTuple):
    """What decides how long a picture takes. ``steps`` and ``pixels`` are 1 where a workflow has no such input."""

    workflow: str
    models: tuple[str, ...]
    steps: int
    pixels: int

    @classmethod
    def of(cls, job: Job) -> Self:
        models, size, steps = tuple(job.models()), job.value("size"), job.value("steps")
        pixels = prod(Size.read(size, 1)) if size else _own_pixels(models[0]) if models else 1
        return cls(job.workflow, models, steps if isinstance(steps, int) else 1, pixels)

    @property
    def work(self) -> int:
        return self.steps * self.pixels


class Sample(NamedTuple):
    """A picture that was made here; a ``probe`` to find out how long it takes, once its model was loaded."""

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


def samples(folders: Iterable[Path], device: str) -> list[Sample]:
    """What the newest pictures in the folders say that were made on a device of this name."""
    files = dict.fromkeys(file for folder in folders if is_folder(folder) for file in glance.pictures(resolved(folder)))
    newest = sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)
    return list(filter(None, (_sample(file, device) for file in islice(newest, _MOST))))


def by_probe(shape: Shape, probe: Sample) -> Speed:
    """How long a picture of this shape takes by one that was made to find out."""
    return _speed(shape, [probe], "measured on one picture made just now")


def of(shape: Shape, known: Iterable[Sample]) -> Speed | None:
    """How long a picture of this shape takes, by those like it, else by others of its models; None where few are known.

    From others it is worked out in proportion to steps and pixels.
    """
    same = [sample for sample in known if sample.shape.models == shape.models]
    if probe := next((sample for sample in same if sample.probe), None):
        return by_probe(shape, probe)
    like = [sample for sample in same if sample.shape == shape]
    if len(like) >= _FEWEST:
        return _speed(shape, like, f"measured on {pictures(len(like))} of this kind, made on this machine")
    akin = [sample for sample in same if sample.shape.workflow == shape.workflow]
    found = akin if len(akin) >= _FEWEST else same
    if len(found) >= _FEWEST:
        return _speed(shape, found, f"worked out from {pictures(len(found))} of other sizes or steps, made here")
    return None


def _speed(shape: Shape, found: list[Sample], how: str) -> Speed:
    every = [sample.seconds * shape.work / sample.shape.work for sample in found]
    seconds = [one for one in every if one <= _LOADING * min(every)]
    typical, exact = median(seconds), all(sample.shape == shape for sample in found)
    least, most = (typical * factor for factor in _SPREAD)
    if exact and len(seconds) >= _FEW:
        least, *_, most = quantiles(seconds, n=10)
    return Speed(
        typical,
        least,
        most,
        median(sample.bytes * shape.pixels / sample.shape.pixels for sample in found),
        how,
    )


def _sample(file: Path, device: str) -> Sample | None:
    """What a picture's record says, which anybody may have written."""
    told: dict[str, Any] | None = None
    try:
        told = glance.record(file)
        shape = Shape.of(Job.model_validate(told["job"])) if told else None
        passes = glance.within(told, "passes")
        made_on = [glance.within(one, "device") for one in passes] if isinstance(passes, list) else []
        seconds = glance.within(told, "seconds")
    except (ValidationError, KeyError, ValueError, OutputError):
        return None
    if shape and device in made_on and isinstance(seconds, int | float) and 0 < seconds < 10**6:
        return Sample(shape, float(seconds), file.stat().st_size)
    return None


@cache
def _own_pixels(model: str) -> int:
    return prod(library.find(model).size)


def pictures(count: int) -> str:
    """ "1 picture", "1,200 pictures"."""
    return "1 picture" if count == 1 else f"{count:,} pictures"
