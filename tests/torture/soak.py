"""Thousands of jobs through one session, one after another: what stays behind of each in memory, and what stays open.

The session, its queue and all it writes are real; in place of a model a step paints a few pixels.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import psutil

from studio import plugins
from studio.batches.batch import Batch
from studio.batches.run_batch import fill
from studio.batches.task import Task
from studio.config import Settings
from studio.runtime.events import Made
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests.torture.figures import Figures

SLOPE = 1.0  # MB for a thousand jobs
EVERY, SETTLED = 50, 0.25  # jobs from one look to the next, and the first share, in which caches fill up

_STEP = """
from PIL import Image
from studio.parameters.types import Prompt

def run(engine, prompt: Prompt) -> Image.Image:
    engine.report(1, 1)
    return Image.new("RGB", (8, 8), (engine.seed % 256, 0, 0))
"""
_WORKFLOW = {"title": "Few pixels", "inputs": {"prompt": "draw.prompt"}, "steps": {"draw": {"use": "few-pixels"}}}


class Look(NamedTuple):
    """What a process held after so many jobs."""

    jobs: int
    memory: int  # bytes
    handles: int
    threads: int


def run(folder: Path, tasks: int = 20_000) -> Figures:
    """All of them as a batch, and a tenth of them through the queue."""
    figures = Figures()
    with _workflow(folder / "package") as workflow:
        session = Session(Settings(device="cpu", state=folder / "state"))
        whole = Job.of(workflow, {"prompt": "x", "seed": 1})
        jobs = [whole.model_copy(update={"seed": n}) for n in range(tasks + tasks // 10)]
        _tell(figures, "batch", _batch(session, workflow, jobs[:tasks], folder / "batch"))
        _tell(figures, "queue", _queue(session, jobs[tasks:], folder / "queue"))
        session.close()
    return figures


def _batch(session: Session, workflow: Workflow, jobs: list[Job], out: Path) -> list[Look]:
    tasks = [Task(n, job, PurePosixPath(str(n // 1000), f"{n}.png")) for n, job in enumerate(jobs, 1)]
    looks = Looks(len(tasks))
    fill(Batch(workflow, tasks), out, session.local, lambda event: looks.count(isinstance(event, Made)), sheet=False)
    return looks.taken


def _queue(session: Session, jobs: list[Job], out: Path) -> list[Look]:
    looks = Looks(len(jobs))
    for job in jobs:
        session.submit(job, out=out, name="{seed}").wait()
        looks.count()
    return looks.taken


class Looks:
    """Looks at this process now and then while so many jobs pass."""

    def __init__(self, jobs: int) -> None:
        self.taken: list[Look] = []
        self._every, self._passed, self._process = max(1, min(EVERY, jobs // 4)), 0, psutil.Process()

    def count(self, passed: bool = True) -> None:
        self._passed += passed
        if passed and self._passed % self._every == 0:
            about = self._process
            self.taken.append(Look(self._passed, about.memory_info().rss, about.num_fds(), about.num_threads()))


def _tell(figures: Figures, what: str, looks: list[Look]) -> None:
    settled = looks[int(len(looks) * SETTLED) :]
    jobs, memory = ([look[n] for look in settled] for n in (0, 1))
    slope = float(np.polyfit(jobs, memory, 1)[0]) * 1000 / 1e6
    figures.tell(f"{what}: jobs", looks[-1].jobs)
    figures.most(f"{what}: growth of memory for a thousand jobs", slope, SLOPE, "MB")
    for name in ("handles", "threads"):
        first, last = getattr(settled[0], name), getattr(settled[-1], name)
        figures.tell(f"{what}: {name}", f"{first} → {last}", bound="flat", holds=last <= first)


@contextmanager
def _workflow(package: Path) -> Iterator[Workflow]:
    """A workflow whose step comes from a package outside, as anybody may bring one."""
    info = package / "few_pixels-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "few_pixels.py").write_text(_STEP)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: few-pixels\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[studio.steps]\nfew-pixels = few_pixels\n")
    sys.path.append(str(package))
    plugins._installed.cache_clear()
    try:
        yield Workflow.of("few-pixels", _WORKFLOW)
    finally:
        sys.path.remove(str(package))
        plugins._installed.cache_clear()
