"""The one stateful object: holds loaded models and runs jobs."""

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.config import Settings
from studio.engine.engine import Engine
from studio.engine.pipelines import Pipelines
from studio.job import Job
from studio.models import library
from studio.models.card import ModelCard
from studio.record import names
from studio.record.picture import Picture
from studio.record.publish import check_folder, publish
from studio.version import VERSION
from studio.walk import make


@dataclass(frozen=True)
class Progress:
    """How far a job is: step ``step`` of ``steps`` in picture ``picture`` of ``pictures``.

    ``seconds_left`` is an estimate from the steps so far, None before there are any.
    """

    picture: int
    pictures: int
    step: int
    steps: int
    seconds_left: float | None


Watch = Callable[[Progress], None]


class Session:
    """Runs jobs one at a time and keeps models loaded between them."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self._pipelines = Pipelines(self.settings.device)

    def run(
        self, job: Job, *, out: Path | None = None, name: str = names.DEFAULT, watch: Watch | None = None
    ) -> Iterator[Picture]:
        """Make the job's pictures and yield each as soon as its file is complete.

        ``out`` is the folder (the settings' own without it), ``name`` a template as in
        ``record.names``. ``watch`` hears of every step; what it raises stops the run within that
        step, and leaves no partial file. Wrong input is found before anything is written.
        """
        workflow, folder = job.checked(), out or self.settings.output
        names.check(name)
        check_folder(folder)
        clock = _Clock(job.total, watch)
        batch = self.settings.batch if job.total == job.count else 1  # lists change from picture to picture
        for first in range(0, job.total, batch):
            jobs = [job.alone(n) for n in range(first, min(first + batch, job.total))]
            seeds = tuple(alone.seed for alone in jobs)
            began = time.monotonic()
            images = make(workflow, jobs[0].values, Engine(self._pipelines, seeds, clock.at(first, len(seeds))))
            facts = _facts(job, (time.monotonic() - began) / len(seeds))
            for n, (image, alone) in enumerate(zip(images, jobs, strict=True), first + 1):
                yield publish(image, folder, names.stem(name, alone, n), alone, {**facts, "picture": n})


class _Clock:
    """Turns the engine's step reports into Progress with the time left."""

    def __init__(self, pictures: int, watch: Watch | None) -> None:
        self._pictures, self._watch = pictures, watch
        self._first: tuple[float, float] | None = None  # when, and how many pictures were done

    def at(self, first: int, batch: int) -> Callable[[int, int], None]:
        """The listener for the ``batch`` pictures from number ``first`` (from 0) on."""

        def report(step: int, steps: int) -> None:
            done, now = first + batch * step / steps, time.monotonic()
            began, had = self._first = self._first or (now, done)
            left = (now - began) / (done - had) * (self._pictures - done) if done > had else None
            if self._watch:
                self._watch(Progress(first + 1, self._pictures, step, steps, left))

        return report


def _facts(job: Job, seconds: float) -> dict[str, Any]:
    """What a file says besides its job: what one needs to compare a repeat with it."""
    import diffusers
    import torch

    return {
        "studio": VERSION,
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "python": platform.python_version(),
        "models": {name: {"sampler": card.sampler, "licence": card.licence} for name, card in _cards(job)},
        "seconds": round(seconds, 3),
        "of": job.total,
    }


def _cards(job: Job) -> list[tuple[str, ModelCard]]:
    models = (pin.partition(":")[2] for pin in job.pins if pin.startswith("model:"))
    return [(name, library.find(name)) for name in models]
