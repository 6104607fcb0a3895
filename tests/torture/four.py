"""Several processes, one folder: batches of their own, the same batch, and the same names; also where no lock locks.

On NFS ``flock`` may succeed and lock nothing, so it is made to do just that.
"""

import fcntl
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

from studio.batches import manifest
from studio.batches.run_batch import fill
from studio.pictures import fast_record
from studio.pictures.publish import publish
from tests.torture import fake
from tests.torture.figures import Figures, torn

PROCESSES = 4


def run(folder: Path, tasks: int = 1000) -> Figures:
    """Each process makes ``tasks`` pictures, in each of the three ways."""
    figures = Figures()
    fake.batch(1)  # what is imported now, no process needs to import again
    for locks in (True, False):
        for work, count in ((own_batch, PROCESSES * tasks), (same_batch, tasks), (same_names, PROCESSES * tasks)):
            out = folder / f"{work.__name__}-{locks}"
            broken = _together(work, out, tasks, locks)
            _look(figures, f"{work.__name__.replace('_', ' ')}, locks {'on' if locks else 'off'}", out, count, broken)
    return figures


def _together(work, out: Path, tasks: int, locks: bool) -> int:
    """Run it in all processes at once; how many broke."""
    context = get_context("fork")
    processes = [context.Process(target=_run, args=(work, out, tasks, n, locks)) for n in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return sum(process.exitcode != 0 for process in processes)


def _run(work, out: Path, tasks: int, n: int, locks: bool) -> None:
    if not locks:
        fcntl.flock = lambda *_: None
    work(out, tasks, n)


def own_batch(out: Path, tasks: int, n: int) -> None:
    _fill(out, fake.batch(tasks, seed=1 + n * tasks))


def same_batch(out: Path, tasks: int, n: int) -> None:
    _fill(out, fake.batch(tasks))


def same_names(out: Path, tasks: int, n: int) -> None:
    """Jobs of their own, published under names that all the others use as well."""
    for name, job in enumerate(fake.jobs(tasks, seed=1 + n * tasks)):
        publish(fake.picture(job), out, str(name), job, fake.FACTS)


def _fill(out: Path, batch) -> None:
    filled = fill(batch, out, fake.Executor(), lambda event: None, sheet=False)
    assert len(filled.made) + filled.there == len(batch.tasks) and not filled.failed


def _look(figures: Figures, what: str, out: Path, count: int, broken: int) -> None:
    paths = list(fast_record.pictures(out))
    times = Counter(map(fast_record.key, paths))
    figures.none(f"{what}: processes that broke", broken)
    figures.none(f"{what}: torn", torn(paths))
    figures.tell(f"{what}: distinct pictures", len(times), bound=count, holds=len(times) == count)
    figures.none(f"{what}: doubled", sum(times.values()) - len(times))
    if what.startswith("same batch"):
        listed = {line.key for line in manifest.lines(out) if line.status == "made"}
        figures.tell(f"{what}: in the manifest", len(listed), bound=count, holds=listed == set(times))
