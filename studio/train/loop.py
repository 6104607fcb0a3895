"""The training loop: noisy latents, the denoiser's predictions compared with the targets, one step of the optimizer."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from studio.errors import Cancelled, InputError, ModelError, OutputError, StudioError
from studio.library import Library
from studio.pictures.publish import check_folder, output_errors
from studio.train import checkpoint, dataset
from studio.train.config import TrainingConfig, lora_training
from studio.train.export import write
from studio.train.latent_dataset import batch
from studio.train.model import TrainingModel, prepared
from studio.train.page import write_page
from studio.train.progress import TrainingProgress
from studio.train.stop import stoppable
from studio.train.trainer_state import TrainerState
from studio.train.training_targets import stratified_times

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor

OnProgress = Callable[[TrainingProgress], None]


def train(config: TrainingConfig, library: Library, on_progress: OnProgress) -> Path:
    """Train a LoRA and write it; returns its file. ``on_progress`` is called after each step.

    Ctrl+C, or Cancelled raised by ``on_progress``, stop it between two steps. The same configuration then resumes,
    even after the process was killed, with the same losses as without an interruption. Raises InputError for wrong
    pictures or settings before anything starts, ModelError where the model does not load or what it learns is not
    finite, OutputError where the disk refuses a file; each says which step is saved and how to resume.
    """
    card = library.models.find(config.model)
    lora_training(card)
    _refuse_existing(config)
    before = checkpoint.read(config.state)
    examples = dataset.examples(config.pictures, config.caption, min(config.size or card.size) // 2)
    check_folder(config.out)
    check_folder(config.folder)
    with prepared(config, library, card, examples) as model, stoppable() as stop_requested:
        updates = _Updates.of(model)
        state = TrainerState(config, model, examples, updates.optimizer, updates.accelerator.scaler, before)
        report = _with_page(config, on_progress)
        with _naming_saved_step(state), output_errors(config.folder, "what is there is whole"):
            _run(model, state, updates, report, stop_requested)
            state.save()
            write(config, model, state, examples)
        state.delete_checkpoint()
        try:
            report(state.progress("done"))
        except OutputError as error:
            raise OutputError(f"{error}; the LoRA '{config.file}' is finished") from None
    return config.file


@contextmanager
def _naming_saved_step(state: TrainerState) -> Iterator[None]:
    """Add to the message of an error which step is saved and how to resume."""
    try:
        yield
    except Cancelled:
        raise
    except StudioError as error:
        error.args = (f"{error}; {state.saved(again=not isinstance(error, ModelError))}",)
        raise


def _refuse_existing(config: TrainingConfig) -> None:
    """Raise InputError where files exist that the training would write, unless it is resumed."""
    if config.file.exists():
        raise InputError.about("name", f"there is a LoRA '{config.file}' already; choose another name or delete it")
    samples = config.folder / "samples"
    for file in () if config.state.exists() else (config.preview, config.folder / "README.md", samples):
        if file.exists():
            raise InputError.about("name", f"'{file}' is there already; choose another name or move it away")


def _run(
    model: TrainingModel, state: TrainerState, updates: "_Updates", report: OnProgress, stop_requested: Event
) -> None:
    """All steps that are left, with the samples that are due before and after them.

    The checkpoint is written before the first sample, so everything in the folder belongs to one training.
    """
    try:
        if not state.step:
            state.save()
        while True:
            state.draw_samples(stop_requested)
            if state.step == model.hyper.steps:
                return
            began = time.monotonic()
            loss, seen = _train_step(model, state.step, updates)
            state.record(loss, seen, time.monotonic() - began)
            report(state.progress())
            if stop_requested.is_set():
                raise Cancelled
    except Cancelled:
        state.save()
        report(state.progress("stopped"))
        step = f"step {state.step} of {model.hyper.steps}"
        raise Cancelled(f"stopped after {step}; the same command resumes from there") from None


def _train_step(model: TrainingModel, step: int, updates: "_Updates") -> tuple[float, int]:
    """One step, whose random numbers follow from the seed and its number; returns the loss and the pictures seen.

    Raises ModelError where the loss or the gradient is not finite; then the LoRA is as it was before the step.
    """
    import torch

    hyper, losses, seen = model.hyper, [], 0
    generator = torch.Generator().manual_seed(hyper.seed * 1_000_003 + step)
    times = stratified_times(hyper.batch * hyper.accumulate, generator)
    for part in range(hyper.accumulate):
        examples = batch(model.examples, hyper.batch, step * hyper.accumulate + part, hyper.seed)
        clean = torch.cat([example.latents for example in examples])
        noise = torch.randn(clean.shape, generator=generator)
        target = model.target(clean, noise, times[part * hyper.batch :][: len(clean)])
        with updates.accelerator.accumulate(model.denoiser):
            with updates.accelerator.autocast():
                loss = target.loss(model.predict(target, examples))
            updates.apply(loss, step)
        losses.append(loss.item())
        seen += len(clean)
    return sum(losses) / len(losses), seen


@dataclass(frozen=True)
class _Updates:
    """AdamW for the LoRA alone, and accelerate, which scales losses, accumulates gradients and sets the precision."""

    model: TrainingModel
    optimizer: Any
    accelerator: "Accelerator"

    @classmethod
    def of(cls, model: TrainingModel) -> "_Updates":
        import torch
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState

        AcceleratorState._reset_state(reset_partial_state=True)  # an earlier training may have had another precision
        hyper = model.hyper
        accelerator = Accelerator(
            mixed_precision=hyper.precision,
            gradient_accumulation_steps=hyper.accumulate,
            cpu=model.device.type == "cpu",
        )
        optimizer = torch.optim.AdamW(model.parameters.values(), lr=hyper.rate, betas=(0.9, 0.99), weight_decay=0.01)
        return cls(model, accelerator.prepare(optimizer), accelerator)

    def apply(self, loss: "Tensor", step: int) -> None:
        """Backpropagate, and move the parameters once all batches of the step are accumulated."""
        self._check_finite("loss", loss, step)
        self.accelerator.backward(loss)
        if self.accelerator.sync_gradients:
            norm = self.accelerator.clip_grad_norm_(self.model.parameters.values(), 1.0)
            # a scaler skips steps whose gradients overflow, and scales less from then on
            if self.accelerator.scaler is None or self.accelerator.scaler.get_scale() < 1:
                self._check_finite("gradient", norm, step)
        self.optimizer.param_groups[0]["lr"] = self.model.hyper.rate_at(step)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _check_finite(self, what: str, value: "Tensor", step: int) -> None:
        if not value.isfinite():
            steps, advice = self.model.hyper.steps, self.model.hyper.lower_rate
            raise ModelError(f"step {step + 1} of {steps}: the {what} is {value.item()}; {advice}")


def _with_page(config: TrainingConfig, on_progress: OnProgress) -> OnProgress:
    """Also write the page; that takes time, so at most every other second."""
    written = float("-inf")

    def report(progress: TrainingProgress) -> None:
        nonlocal written
        if progress.over or time.monotonic() - written > 2:
            write_page(progress, config.folder)
            written = time.monotonic()
        on_progress(progress)

    return report
