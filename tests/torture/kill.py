"""kill -9 at random points of a batch, which is then run again: by the clock, and at chosen calls of the disk.

At those calls a write has gone half-way, so that lines and pictures are cut off as they would be.
"""

import hashlib
import random
import time
from collections import Counter
from multiprocessing import Process, get_all_start_methods, get_context
from pathlib import Path

from studio.batches import manifest
from studio.batches.run_batch import fill
from studio.pictures import fast_record
from studio.workflow.job import Job
from tests.torture import fake
from tests.torture.faults import Disk, dying
from tests.torture.figures import Figures, torn

RESUME = 5.0  # seconds that a batch may take to go on
CALLS = 30  # of the disk, about, for one picture


def run(folder: Path, points: int = 200, tasks: int = 1000, seed: int = 1) -> Figures:
    """A batch killed again and again, then run to its end; another one where it was complete before all ``points``."""
    figures, chance = Figures(), random.Random(seed)
    killed, rounds, found = 0, 0, Counter()
    fake.batch(1)  # what is imported now, no process needs to import again
    redone, resumes = [0], [0.0]
    while killed < points:
        rounds += 1
        trial = Trial(folder / f"batch-{rounds}", tasks)
        while killed < points and trial.killed(chance, most=max(2, 2 * tasks // points)):
            killed += 1
        trial.finish()
        found += trial.found
        redone, resumes = redone + trial.redone, resumes + trial.resumes()
    figures.tell("kills", f"{killed} in {rounds} batches of {tasks}")
    figures.tell("hidden unfinished files left, for a later run to delete", found["left"])
    for name in ("torn", "lost", "doubled", "changed", "not in the manifest as it is"):
        figures.none(name, found[name])
    figures.most("pictures made again after a kill", max(redone), 1)
    figures.most("slowest resume", max(resumes), RESUME, "s")
    return figures


class Trial:
    """One batch in one folder, and what was seen of its pictures so far."""

    def __init__(self, folder: Path, tasks: int) -> None:
        self.found: Counter[str] = Counter()
        self.redone: list[int] = []
        self._out, self._log, self._tasks = folder / "out", folder / "log", tasks
        self._seen: dict[Path, str] = {}
        self._begun: set[str] = set()
        folder.mkdir(parents=True)
        self._log.touch()

    def killed(self, chance: random.Random, most: int) -> bool:
        """Let it go on for up to ``most`` pictures and kill it; False where it came to its end before."""
        where = chance.choice(["clock", "start", "call", "call"])
        at = {"clock": 0, "start": chance.randint(1, 4 * CALLS), "call": chance.randint(1, most * CALLS)}[where]
        lines = len(self._lines())
        process = self._go_on(at, at_once=where == "start")
        if where == "clock":
            self._wait(process, lines + chance.randint(0, most))
            time.sleep(chance.uniform(0, 0.02))
            process.kill()
        process.join()
        self._look(lines)
        return process.exitcode != 0

    def finish(self) -> None:
        """Let it come to its end and look at everything once more."""
        lines = len(self._lines())
        process = self._go_on(0, at_once=False)
        process.join()
        self._look(lines)
        listed = {line.key: line.sha256 for line in manifest.lines(self._out)}
        keys = [fast_record.key(path) for path in self._seen]
        self.found["lost"] += len({task.key for task in fake.batch(self._tasks).tasks} - set(keys))
        self.found["doubled"] += len(keys) - len(set(keys))
        for path, key in zip(self._seen, keys, strict=True):
            self.found["changed"] += path.is_file() and _hash(path) != self._seen[path]
            self.found["not in the manifest as it is"] += listed.get(key) != self._seen[path]
        self.found["left"] += sum(1 for _ in self._out.rglob(".studio-*"))

    def resumes(self) -> list[float]:
        """The seconds from each start to the first picture begun, or to the end where none was missing."""
        return [float(line.split()[1]) for line in self._lines() if line.startswith("resumed")]

    def _go_on(self, at: int, *, at_once: bool) -> Process:
        context = get_context("fork" if "fork" in get_all_start_methods() else "spawn")
        process = context.Process(target=go_on, args=(self._out, self._log, self._tasks, at, at_once))
        process.start()
        return process

    def _wait(self, process: Process, lines: int) -> None:
        while process.is_alive() and len(self._lines()) < lines:
            time.sleep(0.001)

    def _look(self, lines: int) -> None:
        """What is new since there were so many lines in the log, and what is gone."""
        begun = [line.split()[1] for line in self._lines()[lines:] if line.startswith("begin")]
        self.redone.append(len(self._begun & set(begun)) + len(begun) - len(set(begun)))
        self._begun |= set(begun)
        there = set(fast_record.pictures(self._out)) if self._out.is_dir() else set()
        self.found["lost"] += len(self._seen.keys() - there)
        self.found["torn"] += len(torn(list(there - self._seen.keys())))
        self._seen |= {path: _hash(path) for path in there - self._seen.keys()}

    def _lines(self) -> list[str]:
        return self._log.read_text().splitlines()


def go_on(out: Path, log: Path, tasks: int, at: int, at_once: bool) -> None:
    """In a process of its own: fill the folder, and die at call ``at`` of the disk, counted from the start or from the
    first picture; never where it is 0."""
    batch, disk, first = fake.batch(tasks), Disk(out, at if at_once else 0, dying), []
    began = time.monotonic()

    def begins(job: Job | None) -> None:
        if not first:
            first.append(job)
            fake.note(log, f"resumed {time.monotonic() - began:.3f}")
            if not at_once:
                disk.arm(at)
        if job:
            fake.note(log, f"begin {job.key}")

    with disk.mounted():
        fill(batch, out, fake.Executor(begins), lambda event: None, sheet=False)
    begins(None)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
