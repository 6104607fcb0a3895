"""Makes pictures on this thread: from requests to published files."""

import platform
from collections.abc import Generator, Iterable
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
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
from studio.pictures.publish import publish, publish_at
from studio.runtime.events import Event, Preview, Step, Watch
from studio.runtime.picture_request import PictureRequest, PictureResult
from studio.runtime.time_left import TimeLeft
from studio.runtime.workflow_executor import run_workflow
from studio.version import VERSION
from studio.workflow.job import Job
from studio.workflow.resolve import Assets, resolve


def run_requests(
    requests: Iterable[PictureRequest],
    pipelines: Pipelines,
    batch: int,
    watch: Watch,
    *,
    previews: bool = False,
    total: int | None = None,
) -> Generator[PictureResult, None, None]:
    """Make pictures, as ``Executor.execute`` does, on this thread.

    Whole workflows run side by side, and up to ``batch`` pictures share a forward pass where they need the same of a
    model; their prompts may differ. Pictures come roughly in order.
    """
    reporter = _Reporter(total, watch, previews)
    try:
        for request, made in execute_all(
            requests, partial(_run_one, pipelines, reporter, Assets(pipelines.library)), batch
        ):
            reporter.end(request)
            yield request, made
    except _WatchError as error:
        raise error.cause from None


def _run_one(
    pipelines: Pipelines, reporter: "_Reporter", assets: Assets, request: PictureRequest, execution: Execution
) -> Picture:
    """One picture, from its job to its file."""
    passes: list[dict[str, Any]] = []
    tally = WorkCounter()
    engine = Engine(pipelines, request.job.seed, note=passes.append, draw=tally.counted(execution.draw))
    resolved = resolve(request.job, request.assets or assets)
    made = run_workflow(resolved.workflow, resolved.arguments, reporter.reporting(engine, request))
    facts = _facts(request.job, execution.seconds, pipelines.library) | {
        "of": request.of,
        "passes": _distinct(passes),
        "prompt": made.prompt,
        "picture": request.number + 1,
        "work": round(tally.work, 6),
    }
    return _publish(made.picture, request, facts)


def _publish(image: Image, request: PictureRequest, facts: dict[str, Any]) -> Picture:
    job, out, name = request.job, request.out, request.name
    if isinstance(name, PurePosixPath):
        return publish_at(image, out / name, job, facts)
    return publish(image, out, file_names.stem(name, job, request.number + 1), job, facts)


class _WatchError(BaseException):
    """``watch`` raised ``cause``. No step may catch it, so that it ends the work."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class _Reporter:
    """Turns the engine's reports into events with the time left.

    Of pictures that are made side by side, Steps report the one that began first.
    """

    def __init__(self, total: int | None, watch: Watch, previews: bool) -> None:
        self._time_left, self._watch, self._previews = TimeLeft(total), watch, previews
        self._done = 0
        self._running: dict[int, float] = {}  # by request, how much of its picture is done; the oldest first

    def reporting(self, engine: Engine, request: PictureRequest) -> Engine:
        """The engine, reporting on this picture."""
        self._running[id(request)] = 0.0

        def report(step: int, steps: int) -> None:
            self._running[id(request)] = step / steps
            if id(request) == next(iter(self._running)):
                left = self._time_left.after(self._done + sum(self._running.values()))
                self._send(Step(request.number + 1, request.of, step, steps, left))

        def show(jpeg: bytes) -> None:
            self._send(Preview(request.number + 1, jpeg))

        return replace(engine, report=report, show=show if self._previews else None)

    def end(self, request: PictureRequest) -> None:
        """A picture is made, or failed."""
        self._running.pop(id(request), None)
        self._done += 1

    def _send(self, event: Event) -> None:
        try:
            self._watch(event)
        except Exception as error:
            raise _WatchError(error) from None


def _facts(job: Job, seconds: float, library: Library) -> dict[str, Any]:
    """What a file records in addition to its job: everything needed to compare a repeat with it."""
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


def _distinct(passes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The passes without repetitions: the tiles of an enlarged picture are all made in the same way."""
    return [one for n, one in enumerate(passes) if one not in passes[:n]]


def _cards(job: Job, library: Library) -> list[tuple[str, ModelCard]]:
    return [(name, library.models.find(name)) for name in job.models()]


def _about_lora(name: str, library: Library) -> dict[str, Any]:
    path = library.loras.find(name)
    found, claimed = Digests.of(path, library.hash_cache), LoraCard.read(path).licence
    licence = [{"text": claim.text, "source": claim.source} for claim in claimed]
    return {"file": found.file, "tensors": found.tensors, "licence": licence}
