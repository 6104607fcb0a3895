"""The state of a training, saved so that it can resume: losses, samples, time and energy; and its progress."""

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
from studio.train.config import TrainingConfig
from studio.train.cost import Cost, Meter
from studio.train.dataset import Example
from studio.train.model import TrainingModel
from studio.train.progress import TrainingProgress, TrainingSample

_SAMPLES: Final = 3
_SECONDS, _TIMES = 20, 30  # between two saves: at least so many seconds, and so many times the duration of a save


class TrainerState:
    """A training's losses and samples. ``before`` are the numbers of its checkpoint if it is resumed.

    Raises InputError where something else was begun by the same name, or the checkpoint is damaged.
    """

    def __init__(
        self,
        config: TrainingConfig,
        model: TrainingModel,
        examples: Sequence[Example],
        optimizer: Any,
        scaler: Any,
        before: checkpoint.CheckpointNumbers | None,
    ) -> None:
        self._config, self._model, self._optimizer, self._scaler = config, model, optimizer, scaler
        self._prompts = config.samples or _some([config.with_trigger(example.caption) for example in examples])
        self._identity = _identity(config, model, examples)
        before = before or checkpoint.CheckpointNumbers(identity=self._identity)
        if before.identity != self._identity:
            raise InputError(
                f"'{config.name}' was begun with other pictures or settings; continue with those, choose another name, "
                f"or delete '{config.folder}' to start again"
            )
        self.losses, self.seen, self._seconds = list(before.losses), before.seen, before.seconds
        if self.losses:
            checkpoint.load(config.state, model.parameters, optimizer, self.step)
        if before.scaler:
            scaler.load_state_dict(before.scaler)
        sweep(config.folder)
        self._saved_step = self.step
        self._meter = Meter(model.device, before.joules)
        self._began = self._saved_at = time.monotonic()
        self._save_duration = self._step_seconds = 0.0
        self._steps_here = 0

    @property
    def step(self) -> int:
        """How many steps are done."""
        return len(self.losses)

    def record(self, loss: float, seen: int, seconds: float) -> None:
        """Record one more step: its loss, how many pictures went through the model, how long it took."""
        self.losses.append(loss)
        self.seen += seen
        self._step_seconds, self._steps_here = self._step_seconds + seconds, self._steps_here + 1
        if time.monotonic() - self._saved_at > max(_SECONDS, _TIMES * self._save_duration):
            self.save()

    def save(self) -> None:
        """Write the checkpoint; raises OutputError where the disk refuses it."""
        began = time.monotonic()
        numbers = checkpoint.CheckpointNumbers(
            identity=self._identity,
            losses=tuple(self.losses),
            seen=self.seen,
            seconds=self._spent(),
            joules=self._meter.read().joules,
            scaler=self._scaler.state_dict() if self._scaler else {},
        )
        checkpoint.save(self._config.state, self._model.parameters, self._optimizer, numbers)
        self._saved_at, self._saved_step = time.monotonic(), self.step
        self._save_duration = self._saved_at - began

    def delete_checkpoint(self) -> None:
        """Delete the checkpoint once the LoRA is on the disk."""
        with suppress(OSError):  # a checkpoint that cannot be deleted does no harm
            self._config.state.unlink(missing_ok=True)

    def saved(self, *, again: bool) -> str:
        """Which step is saved, and how to resume if trying ``again`` may help."""
        if not self._saved_step:
            return f"no step was saved yet{'; the same command starts again' if again else ''}"
        resume = ", and the same command resumes from there" if again else ""
        return f"step {self._saved_step} is saved in '{self._config.state}'{resume}"

    def draw_samples(self, stop_requested: Event) -> None:
        """Draw the samples that are due now and do not exist yet; stops within a step when that is requested."""

        def report(_step: int, _steps: int) -> None:
            if stop_requested.is_set():
                raise Cancelled

        for n, sample in enumerate(self.samples() if self.step in self._sample_steps() else ()):
            if not sample.file.exists():
                picture = self._model.draw(sample.prompt, self._config.seed + n, report)
                picture.save(png := io.BytesIO(), "PNG")
                replace(sample.file, png.getvalue())

    def progress(self, over: str = "") -> TrainingProgress:
        """The progress so far."""
        steps = self._model.hyper.steps
        pace = self._step_seconds / self._steps_here if self._steps_here else None
        left = None if pace is None else pace * (steps - self.step)
        samples = [one for step in self._sample_steps() for one in self._samples(step) if one.file.exists()]
        return TrainingProgress(
            self._config.title or self._config.name,
            self.step, steps, tuple(self.losses), tuple(samples), self._spent(), left, self.seen, self.cost(), over,
        )  # fmt: skip

    def cost(self) -> Cost:
        """The energy of the whole training, with what it took before it was interrupted."""
        return self._meter.read()

    def samples(self) -> list[TrainingSample]:
        """The samples after the present step."""
        return self._samples(self.step)

    def _spent(self) -> float:
        return self._seconds + time.monotonic() - self._began

    def _sample_steps(self) -> list[int]:
        """The steps so far after which samples are drawn."""
        hyper = self._model.hyper
        return [step for step in (*range(0, hyper.steps, hyper.sample_every), hyper.steps) if step <= self.step]

    def _samples(self, step: int) -> list[TrainingSample]:
        folder = self._config.folder / "samples"
        return [
            TrainingSample(step, prompt, folder / f"{step:06}-{n + 1}.png") for n, prompt in enumerate(self._prompts)
        ]


def _some(captions: Sequence[str]) -> list[str]:
    """Up to three different captions from the beginning, the middle and the end."""
    distinct = list(dict.fromkeys(captions))
    places = [round(k * (len(distinct) - 1) / (_SAMPLES - 1)) for k in range(_SAMPLES)]
    return [distinct[place] for place in sorted(set(places))]


def _identity(config: TrainingConfig, model: TrainingModel, examples: Sequence[Example]) -> str:
    """A hash of everything that decides what is learned, and of the sample prompts, which must stay comparable.

    Checkpoints have it, so its keys, and the names of the hyperparameters, must not change.
    """
    decides = {
        "settled": asdict(model.hyper),
        "model": model.card.sha256(),
        "device": model.device.type,
        "examples": [(one.path.name, one.sha256, config.with_trigger(one.caption)) for one in examples],
        "samples": config.samples,
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
