"""Thousands of jobs in the queue: how long it takes to put them in, to ask how they stand, and what they weigh."""

import random
import statistics
import time
from pathlib import Path

import psutil

from studio.runtime.queue import Queue
from tests.torture import fake
from tests.torture.figures import Figures

ENQUEUE, STATUS, GROWTH = 10.0, 200.0, 50.0  # seconds for 10,000; milliseconds, p95; MB
ASKED = 100  # times


def run(folder: Path, tasks: int = 10_000) -> Figures:
    """All that a surface asks while so many wait: one run, the newest, where it stands, moving one to the front."""
    figures, memory = Figures(), psutil.Process()
    queue, job = Queue(folder / "queue.sqlite"), next(fake.jobs(1))
    before, began = memory.memory_info().rss, time.monotonic()
    runs = [queue.add(job, folder, "{n}") for _ in range(tasks)]
    figures.most("enqueue", time.monotonic() - began, ENQUEUE * max(1, tasks / 10_000), "s")
    chance = random.Random(1)
    calls = {
        "one run": queue.row,
        "the newest thousand": lambda run: queue.rows(),
        "who waits": lambda run: queue.waiting(),
        "how one stands": lambda run: (queue.row(run), queue.pictures(run), queue.waiting().index(run)),
        "to the front": lambda run: queue.move(run, 0),
        "take the next, end it": lambda run: queue.end(queue.next().id, "done"),
    }
    for name, call in calls.items():
        waiting = queue.waiting()
        figures.most(f"{name}, p95", _p95(call, chance.sample(waiting, min(ASKED, len(waiting)))), STATUS, "ms")
    figures.most("growth of memory", (memory.memory_info().rss - before) / 1e6, GROWTH, "MB")
    figures.most("growth of the disk", sum(file.stat().st_size for file in folder.glob("queue*")) / 1e6, GROWTH, "MB")
    figures.tell("runs", len(runs))
    queue.close()
    return figures


def _p95(call, runs: list[str]) -> float:
    """Milliseconds that all but a twentieth of the calls stay below."""
    took = []
    for run in runs:
        began = time.perf_counter()
        call(run)
        took.append(1000 * (time.perf_counter() - began))
    return statistics.quantiles(took, n=20)[-1]
