"""What has happened in a training: kept on disk so that it can go on, and told to whoever shows it."""

import hashlib
import io
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from threading import Event
from typing import Any, Final

from studio.errors import Cancelled, InputError
from studio.pictures.publish import replace, sweep
from studio.train import checkpoint
from studio.train.config import Course
from studio.train.cost import Cost, Meter
from studio.train.dataset import Example
from studio.train.model import Pupil
from studio.train.progress import Progress, Sample

_SAMPLES: Final = 3
_SECONDS, _TIMES = 20, 30  # between two saves: at least so long, and so many times what saving takes


class Diary:
    """A training's losses and samples, taken up where it was left, if it was: ``before`` is what its state said.

    Raises InputError where something else was begun by the same name, or the state is damaged.
    """

    def __init__(
        self,
        course: Course,
        pupil: Pupil,
        examples: Sequence[Example],
        optimizer: Any,
        scaler: Any,
        before: checkpoint.Numbers | None,
    ) -> None:
        self._course, self._pupil, self._optimizer, self._scaler = course, pupil, optimizer, scaler
        self._prompts = course.samples or _some([course.said(one.caption) for one in examples])
        self._identity = _identity(course, pupil, examples)
        before = before or checkpoint.Numbers(identity=self._identity)
        if before.identity != self._identity:
            raise InputError(
                f"'{course.name}' was begun with other pictures or settings; go on with those, choose another name, "
                f"or delete '{course.folder}' to start again"
            )
        self.losses, self.seen, self._seconds = list(before.losses), before.seen, before.seconds
        if self.losses:
            checkpoint.load(course.state, pupil.learning, optimizer, self.step)
        if before.scaler:
            scaler.load_state_dict(before.scaler)
        sweep(course.folder)
        self._kept = self.step
        self._meter = Meter(pupil.device, before.joules)
        self._began = self._saved = time.monotonic()
        self._saving = self._learning = 0.0
        self._here = 0

    @property
    def step(self) -> int:
        """How many steps are done."""
        return len(self.losses)

    def note(self, loss: float, seen: int, seconds: float) -> None:
        """One more step: its loss, how many pictures went through the model, how long it took."""
        self.losses.append(loss)
        self.seen += seen
        self._learning, self._here = self._learning + seconds, self._here + 1
        if time.monotonic() - self._saved > max(_SECONDS, _TIMES * self._saving):
            self.save()

    def save(self) -> None:
        """Keep everything that going on needs; raises OutputError where the disk refuses it."""
        began = time.monotonic()
        numbers = checkpoint.Numbers(
            identity=self._identity,
            losses=tuple(self.losses),
            seen=self.seen,
            seconds=self._spent(),
            joules=self._meter.read().joules,
            scaler=self._scaler.state_dict() if self._scaler else {},
        )
        checkpoint.save(self._course.state, self._pupil.learning, self._optimizer, numbers)
        self._saved, self._kept = time.monotonic(), self.step
        self._saving = self._saved - began

    def forget(self) -> None:
        """It is finished, its LoRA on the disk: nothing is left to go on from."""
        with suppress(OSError):  # a state that cannot be deleted changes nothing about the LoRA
            self._course.state.unlink(missing_ok=True)

    def kept(self, *, again: bool) -> str:
        """What is kept of the training so far; where trying ``again`` may do, how to go on."""
        if not self._kept:
            return f"no step was saved yet{'; the same command starts again' if again else ''}"
        going_on = ", and the same command goes on from there" if again else ""
        return f"step {self._kept} is kept in '{self._course.state}'{going_on}"

    def draw_samples(self, asked: Event) -> None:
        """Draw the samples that are due now and not there yet; stops within a step when that is ``asked``."""

        def report(_step: int, _steps: int) -> None:
            if asked.is_set():
                raise Cancelled

        for n, sample in enumerate(self.samples() if self.step in self._times() else ()):
            if not sample.file.exists():
                picture = self._pupil.draw(sample.prompt, self._course.seed + n, report)
                picture.save(png := io.BytesIO(), "PNG")
                replace(sample.file, png.getvalue())

    def progress(self, over: str = "") -> Progress:
        """How far it is."""
        steps = self._pupil.settled.steps
        pace = self._learning / self._here if self._here else None
        left = None if pace is None else pace * (steps - self.step)
        samples = [one for step in self._times() for one in self._samples(step) if one.file.exists()]
        return Progress(
            self._course.title or self._course.name,
            self.step, steps, tuple(self.losses), tuple(samples), self._spent(), left, self.seen, self.cost(), over,
        )  # fmt: skip

    def cost(self) -> Cost:
        """The energy of all sittings."""
        return self._meter.read()

    def samples(self) -> list[Sample]:
        """What is drawn now, if it is time for samples."""
        return self._samples(self.step)

    def _spent(self) -> float:
        return self._seconds + time.monotonic() - self._began

    def _times(self) -> list[int]:
        """After which of the steps so far samples are drawn."""
        settled = self._pupil.settled
        return [step for step in (*range(0, settled.steps, settled.sample_every), settled.steps) if step <= self.step]

    def _samples(self, step: int) -> list[Sample]:
        folder = self._course.folder / "samples"
        return [Sample(step, prompt, folder / f"{step:06}-{n + 1}.png") for n, prompt in enumerate(self._prompts)]


def _some(captions: Sequence[str]) -> list[str]:
    """Up to three captions from the beginning, the middle and the end, none twice."""
    distinct = list(dict.fromkeys(captions))
    places = [round(k * (len(distinct) - 1) / (_SAMPLES - 1)) for k in range(_SAMPLES)]
    return [distinct[place] for place in sorted(set(places))]


def _identity(course: Course, pupil: Pupil, examples: Sequence[Example]) -> str:
    """A hash of all that decides what is learned, sample prompts too: they must stay comparable."""
    decides = {
        "settled": asdict(pupil.settled),
        "model": pupil.card.sha256(),
        "device": pupil.device.type,
        "examples": [(one.path.name, one.sha256, course.said(one.caption)) for one in examples],
        "samples": course.samples,
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
