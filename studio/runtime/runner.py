"""Does jobs: from what was asked to published pictures."""

import platform
import time
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from PIL.Image import Image

from studio.diffusion.batching import Execution, execute_all
from studio.diffusion.engine import Engine
from studio.diffusion.pipelines import Pipelines
from studio.diffusion.workload import WorkCounter
from studio.library import Library
from studio.lora.library.card import LoraCard
from studio.lora.library.hashes import Digests
from studio.models.card import ModelCard
from studio.pictures import file_names
from studio.pictures.picture import Picture
from studio.pictures.publish import check_folder, publish, publish_at
from studio.runtime.events import Event, Preview, Step
from studio.runtime.workflow_executor import make
from studio.version import VERSION
from studio.workflow.job import Job
from studio.workflow.resolve import Assets, resolve

Watch = Callable[[Event], None]


@dataclass(frozen=True)
class Wanted:
    """One picture that is wanted: ``job`` makes it and no other, and its file is named by ``name`` in ``out``.

    It is number ``number`` (from 0) of ``of`` that were asked for together; ``name`` as in ``record.names``.
    """

    job: Job
    out: Path
    name: file_names.Name
    number: int = 0
    of: int = 1


def work(
    job: Job,
    pipelines: Pipelines,
    out: Path,
    name: file_names.Name,
    batch: int,
    watch: Watch,
    *,
    previews: bool = False,
    finished: Collection[int] = (),
) -> Generator[tuple[int, Picture], None, None]:
    """Make the job's pictures and yield each, with its number from 0, as soon as its file is complete.

    ``batch`` pictures share a forward pass where they can; those numbered in ``finished`` are left out.
    ``watch`` hears of every Step, and of Previews where they are wanted; what it raises stops the
    work within that step and leaves no partial file. Wrong input is found before anything is written.
    ``name`` is a template, or one picture's exact place below ``out``, as in ``record.names``.
    """
    assets = Assets(pipelines.library)
    resolve(job, assets)
    if isinstance(name, str):
        file_names.check(name)
    check_folder((out / name).parent)
    todo = [n for n in range(job.total) if n not in finished]
    wanted = (Wanted(job.alone(n), out, name, n, job.total) for n in todo)
    with closing(work_all(wanted, pipelines, batch, watch, previews=previews, todo=len(todo), assets=assets)) as every:
        for one, made in every:
            if isinstance(made, Exception):
                raise made
            yield one.number, made


def work_all(
    wanted: Iterable[Wanted],
    pipelines: Pipelines,
    batch: int,
    watch: Watch,
    *,
    previews: bool = False,
    todo: int | None = None,
    assets: Assets | None = None,
) -> Generator[tuple[Wanted, Picture | Exception], None, None]:
    """Make pictures of many jobs; yield each with its picture, or with why it has none, as soon as that is known.

    Whole workflows go side by side, and wherever they need a model up to ``batch`` of those that ask it for the like
    share a forward pass; their words may differ. They come roughly in order, and are taken from the iterable as they
    are needed, on this thread. One that fails fails alone. ``todo`` is how many there are, if that is known: for the
    time left. The rest is as in ``work``.
    """
    clock = _Clock(todo, watch, previews)
    try:
        for one, made in execute_all(
            wanted, partial(_walk, pipelines, clock, assets or Assets(pipelines.library)), batch
        ):
            clock.end(one)
            yield one, made
    except _Left as left:
        raise left.why from None


def _walk(pipelines: Pipelines, clock: "_Clock", assets: Assets, wanted: Wanted, execution: Execution) -> Picture:
    """One picture, from its checked job to its file."""
    passes: list[dict[str, Any]] = []
    tally = WorkCounter()
    engine = Engine(pipelines, wanted.job.seed, note=passes.append, draw=tally.counted(execution.draw))
    resolved = resolve(wanted.job, assets)
    made = make(resolved.workflow, resolved.arguments, clock.wound(engine, wanted))
    facts = _facts(wanted.job, execution.seconds, pipelines.library) | {
        "of": wanted.of,
        "passes": _unlike(passes),
        "prompt": made.prompt,
        "picture": wanted.number + 1,
        "work": round(tally.work, 6),
    }
    return _publish(made.picture, wanted, facts)


def _publish(image: Image, wanted: Wanted, facts: dict[str, Any]) -> Picture:
    job, out, name = wanted.job, wanted.out, wanted.name
    if isinstance(name, PurePosixPath):
        return publish_at(image, out / name, job, facts)
    return publish(image, out, file_names.stem(name, job, wanted.number + 1), job, facts)


class _Left(BaseException):
    """What somebody who watches raised: it ends the work, whatever a step makes of errors."""

    def __init__(self, why: Exception) -> None:
        self.why = why


class _Clock:
    """Turns the engine's reports into events with the time left.

    Of pictures that are made side by side, Steps tell of the one that has gone for longest.
    """

    def __init__(self, todo: int | None, watch: Watch, previews: bool) -> None:
        self._todo, self._watch, self._previews = todo, watch, previews
        self._done = 0
        self._going: dict[int, float] = {}  # the share that is done of each picture, the oldest first
        self._first: tuple[float, float] | None = None  # when, and how many pictures were done

    def wound(self, engine: Engine, wanted: Wanted) -> Engine:
        """The engine, reporting on this picture."""
        self._going[id(wanted)] = 0.0

        def report(step: int, steps: int) -> None:
            self._going[id(wanted)] = step / steps
            if id(wanted) == next(iter(self._going)):
                left = self._left(self._done + sum(self._going.values()))
                self._tell(Step(wanted.number + 1, wanted.of, step, steps, left))

        def show(jpeg: bytes) -> None:
            self._tell(Preview(wanted.number + 1, jpeg))

        return replace(engine, report=report, show=show if self._previews else None)

    def end(self, wanted: Wanted) -> None:
        """A picture is made, or failed."""
        self._going.pop(id(wanted), None)
        self._done += 1

    def _tell(self, event: Event) -> None:
        try:
            self._watch(event)
        except Exception as error:
            raise _Left(error) from None

    def _left(self, done: float) -> float | None:
        now = time.monotonic()
        began, had = self._first = self._first or (now, done)
        return (now - began) / (done - had) * (self._todo - done) if self._todo and done > had else None


def _facts(job: Job, seconds: float, library: Library) -> dict[str, Any]:
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
        "models": {name: _about(card) for name, card in _cards(job, library)},
        "loras": {name: _about_lora(name, library) for name in job.rests_on("lora")},
        "seconds": round(seconds, 3),
    }


def _about(card: ModelCard) -> dict[str, Any]:
    return {"family": card.family.name, "sampler": card.sampler, "licence": card.licence, "files": card.hashes()}


def _unlike(passes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that differ: the tiles of an enlarged picture are all made in the same way."""
    return [one for n, one in enumerate(passes) if one not in passes[:n]]


def _cards(job: Job, library: Library) -> list[tuple[str, ModelCard]]:
    return [(name, library.models.find(name)) for name in job.models()]


def _about_lora(name: str, library: Library) -> dict[str, Any]:
    path = library.loras.find(name)
    found, claimed = Digests.of(path, library.hash_cache), LoraCard.read(path).licence
    licence = [{"text": claim.text, "source": claim.source} for claim in claimed]
    return {"file": found.file, "tensors": found.tensors, "licence": licence}
