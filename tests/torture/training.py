"""kill -9 at random moments of a training whose disk is full, which then goes on, on that disk or on a freed one.

As root its folder is on a small disk of its own (tmpfs); elsewhere writes fail by a limit on the size of files.
"""

import random
import time
from collections import Counter
from contextlib import ExitStack
from multiprocessing import Process, get_context
from pathlib import Path

from PIL import Image, ImageDraw
from safetensors.numpy import load_file

from studio.errors import StudioError
from studio.parameters.types import Size
from studio.train import checkpoint, trainer_state
from studio.train.config import TrainingConfig
from studio.train.loop import train
from studio.train.progress import TrainingProgress
from tests import here
from tests.families import tiny
from tests.torture import full
from tests.torture.figures import Figures

FULL, KILLED = 3, -9  # how a life ends: on a full disk by one line, or by the kill


def run(folder: Path, points: int = 15, tasks: int = 60, seed: int = 1) -> Figures:
    """So many kills in a training of ``tasks`` steps, and then all of it to its end; the LoRA is that of a calm one."""
    figures, chance, found, saved = Figures(), random.Random(seed), Counter(), 0
    pictures, small, model = folder / "pictures", folder / "small", tiny.folder("sd1", folder / "models")
    (model / "README.md").write_text("---\nlicense: mit\nsteps: 2\n---\n", "utf-8")
    small.mkdir()
    _draw(pictures)
    calm, course = _course(pictures, model, folder / "calm", tasks), _course(pictures, model, small / "out", tasks)
    _live(calm, tasks)
    expected = load_file(calm.file)
    with ExitStack() as stack:
        disk = full.small(small, stack, limit=4096)
        while found["killed"] < points:
            step = saved
            process = _go_on(course, saved + 1 + chance.randrange(max(1, 2 * tasks // points)))
            if chance.random() < 0.7:  # else it begins on a disk that is full already
                disk.free(process)
            full.until(lambda step=step: (_step(course) or 0) > step, process)
            time.sleep(chance.uniform(0, 0.05))
            if chance.random() < 0.8:
                disk.fill(process)
                time.sleep(chance.uniform(0, 0.05))
            process.kill()
            process.join()
            found[{KILLED: "killed", FULL: "ended by one line"}.get(process.exitcode, "ended otherwise")] += 1
            kept = _step(course)
            found["steps lost"] += max(0, saved - (kept or 0))
            found["torn"] += kept is None
            saved = kept or 0
            if course.file.exists():
                break
        for _ in range(2):  # also where the first finds the disk full
            process = _go_on(course, tasks)
            disk.free(process)
            process.join()
            if process.exitcode == 0:
                break
        written = load_file(course.file) if course.file.exists() else {}
        left = [path.name for path in small.rglob("*") if path.name == "training.state"]
    same = written.keys() == expected.keys() and all((written[name] == expected[name]).all() for name in expected)
    figures.tell("kill -9 of a training", dict(found), bound=points, holds=found["killed"] >= points)
    figures.none("states torn or gone", found["torn"])
    figures.none("saved steps lost", found["steps lost"])
    figures.none("lives that ended with a traceback", found["ended otherwise"])
    figures.tell("the LoRA is the one of a calm training, to the bit", same, holds=same)
    figures.none("states left behind", left)
    return figures


def _draw(folder: Path) -> None:
    folder.mkdir()
    for colour in ("red", "blue"):
        image = Image.new("RGB", (96, 96), colour)
        ImageDraw.Draw(image).ellipse((20, 20, 76, 76), fill="white")
        image.save(folder / f"{colour}.png")
        (folder / f"{colour}.txt").write_text(f"a white circle on {colour}\n", "utf-8")


def _course(pictures: Path, model: Path, out: Path, steps: int) -> TrainingConfig:
    return TrainingConfig(
        pictures, "brand", str(model), out=out, steps=steps, rank=2, rate=0.02, size=Size(64, 64), samples=("a star",)
    )


def _step(course: TrainingConfig) -> int | None:
    """How many steps are saved; None where what is there cannot be read."""
    try:
        saved = checkpoint.read(course.state)
    except StudioError:
        return None
    return len(saved.losses) if saved else 0


def _go_on(course: TrainingConfig, most: int) -> Process:
    process = get_context("fork").Process(target=_live, args=(course, most))
    process.start()
    return process


def _live(course: TrainingConfig, most: int) -> None:
    """Train, each step saved; after step ``most`` it waits for ever, where that is not the end."""
    trainer_state._SECONDS = trainer_state._TIMES = 0

    def heard(progress: TrainingProgress) -> None:
        while most <= progress.step < progress.steps:
            time.sleep(1)

    try:
        train(course, here.library(), heard)
    except StudioError as error:
        print(error, flush=True)
        raise SystemExit(FULL) from None
