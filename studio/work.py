"""Does one job: from what was asked to published pictures."""

import platform
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.engine.engine import Engine
from studio.engine.pipelines import Pipelines
from studio.events import Event, Preview, Step
from studio.job import Job
from studio.models import library
from studio.models.card import ModelCard
from studio.models.loras import shelf
from studio.models.loras.card import LoraCard
from studio.models.loras.digests import Digests
from studio.record import names
from studio.record.picture import Picture
from studio.record.publish import check_folder, publish
from studio.version import VERSION
from studio.walk import make

Watch = Callable[[Event], None]


def work(
    job: Job,
    pipelines: Pipelines,
    out: Path,
    name: str,
    batch: int,
    watch: Watch,
    *,
    previews: bool = False,
    finished: Collection[int] = (),
) -> Iterator[tuple[int, Picture]]:
    """Make the job's pictures and yield each, with its number from 0, as soon as its file is complete.

    ``batch`` pictures of equal values share a forward pass; those numbered in ``finished`` are left out.
    ``watch`` hears of every Step, and of Previews where they are wanted; what it raises stops the
    work within that step and leaves no partial file. Wrong input is found before anything is written.
    """
    workflow = job.checked()
    names.check(name)
    check_folder(out)
    todo = [n for n in range(job.total) if n not in finished]
    clock = _Clock(job.total, len(todo), watch, previews)
    for numbers in _batches(job, todo, batch):
        alone, began = [job.alone(n) for n in numbers], time.monotonic()
        passes: list[dict[str, Any]] = []
        engine = Engine(pipelines, tuple(one.seed for one in alone), note=passes.append)
        made = make(workflow, alone[0].values, clock.wound(engine, numbers))
        facts = _facts(job, (time.monotonic() - began) / len(numbers)) | {
            "passes": _unlike(passes),
            "prompt": made.prompt,
        }
        for n, one, image in zip(numbers, alone, made.pictures, strict=True):
            own = {"picture": n + 1, "batch": {"place": numbers.index(n) + 1, "of": len(numbers)}}
            yield n, publish(image, out, names.stem(name, one, n + 1), one, {**facts, **own})
        clock.done += len(numbers)


def _batches(job: Job, todo: list[int], most: int) -> Iterator[list[int]]:
    """Numbers that differ in nothing but the seed, up to ``most`` at a time."""
    batch: list[int] = []
    for n in todo:
        if batch and (len(batch) == most or job.alone(n).values != job.alone(batch[0]).values):
            yield batch
            batch = []
        batch.append(n)
    if batch:
        yield batch


class _Clock:
    """Turns the engine's reports into events with the time left."""

    def __init__(self, pictures: int, todo: int, watch: Watch, previews: bool) -> None:
        self.done = 0
        self._pictures, self._todo, self._watch, self._previews = pictures, todo, watch, previews
        self._first: tuple[float, float] | None = None  # when, and how many pictures were done

    def wound(self, engine: Engine, numbers: list[int]) -> Engine:
        """The engine, reporting on the pictures of these numbers."""

        def report(step: int, steps: int) -> None:
            left = self._left(self.done + len(numbers) * step / steps)
            self._watch(Step(numbers[0] + 1, self._pictures, step, steps, left))

        def show(which: int, jpeg: bytes) -> None:
            self._watch(Preview(numbers[which] + 1, jpeg))

        return replace(engine, report=report, show=show if self._previews else None)

    def _left(self, done: float) -> float | None:
        now = time.monotonic()
        began, had = self._first = self._first or (now, done)
        return (now - began) / (done - had) * (self._todo - done) if done > had else None


def _facts(job: Job, seconds: float) -> dict[str, Any]:
    """What a file says besides its job: what one needs to compare a repeat with it."""
    import diffusers
    import torch
    import transformers

    return {
        "studio": VERSION,
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
        "models": {name: _about(card) for name, card in _cards(job)},
        "loras": {name: _about_lora(name) for name in job.rests_on("lora")},
        "seconds": round(seconds, 3),
        "of": job.total,
    }


def _about(card: ModelCard) -> dict[str, Any]:
    return {"sampler": card.sampler, "licence": card.licence, "files": card.hashes()}


def _unlike(passes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that differ: the tiles of an enlarged picture are all made in the same way."""
    return [one for n, one in enumerate(passes) if one not in passes[:n]]


def _cards(job: Job) -> list[tuple[str, ModelCard]]:
    return [(name, library.find(name)) for name in job.models()]


def _about_lora(name: str) -> dict[str, Any]:
    path = shelf.find(name)
    found, claimed = Digests.of(path), LoraCard.read(path).licence
    licence = [{"text": claim.text, "source": claim.source} for claim in claimed]
    return {"file": found.file, "tensors": found.tensors, "licence": licence}
