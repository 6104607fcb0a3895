"""kill -9 at random moments of a queue whose disk is full, which is then opened again, on that disk or on a freed one.

As root the state folder is a small disk of its own (tmpfs); elsewhere writes to the queue fail from outside, by a limit
on the size of files. Pictures go to another disk, which takes them all the while.
"""

import math
import random
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing import Process, get_context
from pathlib import Path

from studio.config import Settings
from studio.errors import OutputError
from studio.pictures import fast_record, file_names
from studio.pictures.publish import publish
from studio.runtime.events import Step
from studio.runtime.picture_request import PictureRequest, PictureResult
from studio.runtime.session import Session
from studio.workflow.job import Job
from tests.torture import fake
from tests.torture.figures import Figures, torn

COUNT = 3  # pictures of a job
_SIZE = 16_000_000  # bytes of the small disk
_LIMIT = 16_384  # bytes of a file, more than a picture and less than the queue


def run(folder: Path, points: int = 50, tasks: int = 300, seed: int = 1) -> Figures:
    """So many kills, each on a full disk, and then all of it to the end."""
    figures, chance, found = Figures(), random.Random(seed), Counter()
    whole = next(fake.jobs(1))
    out, notes, state = folder / "out", folder / "notes", folder / "small"
    for place in (out, notes, state):
        place.mkdir()
    with ExitStack() as stack:
        disk = small(state, stack)
        seen: dict[Path, bytes] = {}
        for _ in range(points):
            # a life that could make all that is left might end before it is killed
            process = _go_on(whole, state, out, notes, tasks, tasks * COUNT // (points + 1))
            more = len(list(out.iterdir())) + chance.randint(0, 6)
            if chance.random() < 0.7:  # else the queue is opened, or not, on a disk that is full already
                disk.free(process)
            until(lambda more=more: len(list(out.iterdir())) >= more, process)
            disk.fill(process)
            time.sleep(chance.uniform(0, 0.3))
            found["killed"] += process.is_alive()
            process.kill()
            process.join()
            _look(out, seen, found)
        process = _go_on(whole, state, out, notes, tasks, tasks * COUNT)
        disk.free(process)
        process.join()
        _look(out, seen, found)
    made = Counter(map(fast_record.key, seen))
    wanted = {_job(whole, one).alone(n).key for one in range(tasks) for n in range(COUNT)}
    figures.tell("kill -9 with the state disk full", found["killed"], bound=points, holds=found["killed"] == points)
    figures.tell("how", type(disk).__name__)
    figures.tell("pictures", len(seen), bound=tasks * COUNT, holds=len(seen) == tasks * COUNT)
    figures.none("jobs lost", len(list(notes.iterdir())) - tasks)
    figures.none("pictures lost", len(wanted - made.keys()) + found["lost"])
    figures.none("pictures doubled", sum(made.values()) - len(made))
    figures.none("torn", torn([*seen]))
    figures.tell("the last life ended by itself", process.exitcode == 0, holds=process.exitcode == 0)
    return figures


def _look(out: Path, seen: dict[Path, bytes], found: Counter) -> None:
    """What is new in the folder, and what is not any more as it was."""
    there = {path: path.read_bytes() for path in fast_record.pictures(out)}
    found["lost"] += sum(there.get(path) != content for path, content in seen.items())
    seen |= there


def until(ready: Callable[[], bool], process: Process, most: float = 3.0) -> None:
    """Wait for something, at most for a while: a queue on a full disk goes nowhere."""
    ends = time.monotonic() + most
    while process.is_alive() and not ready() and time.monotonic() < ends:
        time.sleep(0.002)


def _go_on(whole: Job, *rest: object) -> Process:
    process = get_context("fork").Process(target=live, args=(whole, *rest))
    process.start()
    return process


def live(whole: Job, state: Path, out: Path, notes: Path, tasks: int, most: int) -> None:
    """In a process of its own: queue what was not queued yet, try again what was broken off, and wait for all of it.

    After ``most`` pictures it makes no more.
    """
    session = Session(Settings(output=out, device="cpu", state=state), executor=Quick(most))
    runs = _persist(lambda: {status.row.job.seed // COUNT: status for status in session.statuses(10 * tasks)})
    for one, status in runs.items():
        (notes / str(one)).touch()
        if status.row.state in ("failed", "interrupted", "cancelled"):
            _persist(lambda one=status.row.id: session.retry(one))
    for one in range(tasks):
        if one not in runs:
            job = _job(whole, one)
            _persist(lambda job=job: session.submit(job))
            (notes / str(one)).touch()
    while {status.row.state for status in _persist(lambda: session.statuses(10 * tasks))} != {"done"}:
        time.sleep(0.05)
    session.close()


def _job(whole: Job, one: int) -> Job:
    """Job number ``one``; no two have a picture in common."""
    return whole.model_copy(update={"seed": one * COUNT, "count": COUNT})


def _persist(call: Callable):
    """As a person does who presses the button again."""
    while True:
        try:
            return call()
        except OutputError:
            time.sleep(0.02)


class Quick:
    """An executor without a model, which waits for ever after ``most`` pictures."""

    lanes = 1

    def __init__(self, most: float = math.inf) -> None:
        self._left = most

    def execute(
        self, requests: Iterable[PictureRequest], watch, *, previews: bool = False, total: int | None = None
    ) -> Iterator[PictureResult]:
        for one in requests:
            while not self._left:
                time.sleep(1)
            self._left -= 1
            watch(Step(one.number + 1, one.of, 1, 1, None))
            stem = file_names.stem(one.name, one.job, one.number + 1)
            yield one, publish(fake.picture(one.job), one.out, stem, one.job, fake.FACTS)

    def close(self) -> None:
        pass


def small(state: Path, stack: ExitStack, limit: int = _LIMIT) -> "Tmpfs | Limit":
    """A disk that can be filled for a process and freed; ``limit`` bytes of a file are taken where none can be had."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(state)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return Limit(limit)
    stack.callback(subprocess.run, ["umount", "-l", str(state)], check=False)
    return Tmpfs(state)


class Tmpfs:
    """A small disk, full once a file takes all that is left of it."""

    def __init__(self, state: Path) -> None:
        self._ballast = state / "ballast"

    def fill(self, process: Process) -> None:
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            for size in (65_536, 4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self, process: Process) -> None:
        self._ballast.unlink(missing_ok=True)


class Limit:
    """No file of the process grows beyond a size that pictures keep within and the queue does not."""

    def __init__(self, most: int) -> None:
        self._most = most

    def fill(self, process: Process) -> None:
        self._set(process, self._most)

    def free(self, process: Process) -> None:
        self._set(process, resource.RLIM_INFINITY)

    def _set(self, process: Process, most: int) -> None:
        with suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
