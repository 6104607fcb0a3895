"""Benchmark of the studio against plain diffusers: ``python -m studio.tools.bench``.

The same pictures are made in three ways in turn, A B C C B A …, so that a machine that slows down affects
all of them: plain diffusers without files, the studio with files and records, and the studio through
its queue with previews. Plain diffusers runs in its own process: on a CPU, two threads of one process
that use torch slow each other down.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import cache
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from studio.config import Settings, shipped
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_PROMPT: Final = "three yellow stars on navy"


def bench(rounds: int, steps: int) -> dict[str, float]:
    """Median seconds per picture for each way, and the median ratios to plain diffusers."""
    with tempfile.TemporaryDirectory() as folder, get_context("spawn").Pool(1) as process:
        session = Session(Settings(output=Path(folder) / "pictures", state=Path(folder) / "state"))
        times = _times(_ways(session, process, steps), rounds)
        session.close()
    plain = times["1 plain diffusers"]
    return {name: round(median(found), 3) for name, found in times.items()} | {
        f"{name} / plain": round(median(a / b for a, b in zip(found, plain, strict=True)), 3)
        for name, found in times.items()
        if found is not plain
    }


def _times(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for n in range(-1, rounds):
        for name in sorted(ways, reverse=n % 2 == 1):
            seconds = _timed(ways[name])
            times[name] += [seconds] if n >= 0 else []  # the first round loads and warms up
    return times


def _ways(session: Session, process: Pool, steps: int) -> dict[str, Callable[[], object]]:
    values = {"prompt": _PROMPT, "seed": 1, "steps": steps}
    job = Job.of(Workflow.builtin("text-to-image"), values, session.library)
    return {
        "1 plain diffusers": lambda: process.apply(_plain_picture, (steps, job.values["guidance"])),
        "2 studio": lambda: list(session.run(job)),
        "3 studio, queue and previews": lambda: session.submit(job).wait(),
    }


def _plain_picture(steps: int, guidance: float) -> None:
    _plain()(_PROMPT, num_inference_steps=steps, guidance_scale=guidance)


@cache
def _plain() -> "DiffusionPipeline":
    from diffusers import StableDiffusionPipeline

    from studio.tensors.hardware import pick_device, pick_dtype

    device = pick_device()
    folder = shipped("assets") / "spark"
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=pick_dtype(device), local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def _timed(make: Callable[[], object]) -> float:
    began = time.perf_counter()
    make()
    return time.perf_counter() - began


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description="Seconds per picture of Spark, against plain diffusers.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    for name, figure in bench(given.rounds, given.steps).items():
        print(f"{name:40} {figure:.3f}")


if __name__ == "__main__":
    main()
