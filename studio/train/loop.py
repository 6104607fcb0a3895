"""The loop: pictures made noisy, the denoiser's answers compared with the right ones, the LoRA moved a little."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from studio.errors import Cancelled, InputError, ModelError, OutputError, StudioError
from studio.library import Library
from studio.pictures.publish import check_folder, output_errors
from studio.train import checkpoint, dataset
from studio.train.config import Course, lessons
from studio.train.export import write
from studio.train.latent_dataset import batch
from studio.train.model import Pupil, taught
from studio.train.page import write_page
from studio.train.progress import Progress
from studio.train.stop import stoppable
from studio.train.trainer_state import Diary
from studio.train.training_targets import moments

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor

Heard = Callable[[Progress], None]


def train(course: Course, library: Library, heard: Heard) -> Path:
    """Train a LoRA and write it; returns its file. ``heard`` is told after each step how far it is.

    Ctrl+C, or Cancelled raised by ``heard``, stop it between two steps. The same course then goes on from there, and
    so it does where the process was killed: with the same losses as if nothing had happened. Raises InputError for
    wrong pictures or settings before anything starts, ModelError where the model does not load or what it learns is
    not finite, OutputError where the disk refuses a file; each says what is kept and how to go on.
    """
    card = library.models.find(course.model)
    lessons(card)
    _refuse_taken(course)
    before = checkpoint.read(course.state)
    examples = dataset.examples(course.pictures, course.caption, min(course.size or card.size) // 2)
    check_folder(course.out)
    check_folder(course.folder)
    with taught(course, library, card, examples) as pupil, stoppable() as asked:
        optimizer, accelerator = _equipped(pupil)
        diary = Diary(course, pupil, examples, optimizer, accelerator.scaler, before)
        tell = _telling(course, heard)
        try:
            with output_errors(course.folder, "what is there is whole"):
                _learn_all(pupil, diary, optimizer, accelerator, tell, asked)
                diary.save()
                write(course, pupil, diary, examples)
        except Cancelled:
            raise
        except StudioError as error:
            error.args = (f"{error}; {diary.kept(again=not isinstance(error, ModelError))}",)
            raise
        diary.forget()
        try:
            tell(diary.progress("done"))
        except OutputError as error:
            raise OutputError(f"{error}; the LoRA '{course.file}' is finished") from None
    return course.file


def _refuse_taken(course: Course) -> None:
    """Raise InputError where files are there that the training would write, and it was not begun before."""
    if course.file.exists():
        raise InputError.about("name", f"there is a LoRA '{course.file}' already; choose another name or delete it")
    samples = course.folder / "samples"
    for file in () if course.state.exists() else (course.preview, course.folder / "README.md", samples):
        if file.exists():
            raise InputError.about("name", f"'{file}' is there already; choose another name or move it away")


def _learn_all(
    pupil: Pupil, diary: Diary, optimizer: Any, accelerator: "Accelerator", tell: Heard, asked: Event
) -> None:
    """All steps that are left, with the samples that are due before and after them.

    The state is there before the first sample: what lies in the folder then always belongs to one training.
    """
    try:
        if not diary.step:
            diary.save()
        while True:
            diary.draw_samples(asked)
            if diary.step == pupil.settled.steps:
                return
            began = time.monotonic()
            loss, seen = _learn(pupil, diary.step, optimizer, accelerator)
            diary.note(loss, seen, time.monotonic() - began)
            tell(diary.progress())
            if asked.is_set():
                raise Cancelled
    except Cancelled:
        diary.save()
        tell(diary.progress("stopped"))
        step = f"step {diary.step} of {pupil.settled.steps}"
        raise Cancelled(f"stopped after {step}; the same command goes on from there") from None


def _learn(pupil: Pupil, step: int, optimizer: Any, accelerator: "Accelerator") -> tuple[float, int]:
    """One step, all of whose chance follows from the seed and its number; returns the loss and the pictures seen.

    Raises ModelError where the loss or the gradient is not finite; then the LoRA is as it was before the step.
    """
    import torch

    settled, losses, seen = pupil.settled, [], 0
    chance = torch.Generator().manual_seed(settled.seed * 1_000_003 + step)
    when = moments(settled.batch * settled.accumulate, chance)
    for part in range(settled.accumulate):
        these = batch(pupil.lessons, settled.batch, step * settled.accumulate + part, settled.seed)
        clean = torch.cat([lesson.latents for lesson in these])
        noise = torch.randn(clean.shape, generator=chance)
        question = pupil.question(clean, noise, when[part * settled.batch :][: len(clean)])
        with accelerator.accumulate(pupil.denoiser):
            with accelerator.autocast():
                loss = question.loss(pupil.answer(question, these))
            _check_finite("loss", loss, step, pupil)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                norm = accelerator.clip_grad_norm_(pupil.learning.values(), 1.0)
                # a scaler passes over steps whose gradients overflow, and scales less from then on
                if accelerator.scaler is None or accelerator.scaler.get_scale() < 1:
                    _check_finite("gradient", norm, step, pupil)
            optimizer.param_groups[0]["lr"] = settled.rate_at(step)
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        seen += len(clean)
    return sum(losses) / len(losses), seen


def _check_finite(what: str, value: "Tensor", step: int, pupil: Pupil) -> None:
    if not value.isfinite():
        settled = pupil.settled
        raise ModelError(f"step {step + 1} of {settled.steps}: the {what} is {value.item()}; {settled.lower_rate}")


def _equipped(pupil: Pupil) -> tuple[Any, "Accelerator"]:
    """AdamW for the LoRA alone, and accelerate, which scales, accumulates and computes in halves."""
    import torch
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # an earlier training may have computed otherwise
    settled = pupil.settled
    accelerator = Accelerator(
        mixed_precision=settled.precision,
        gradient_accumulation_steps=settled.accumulate,
        cpu=pupil.device.type == "cpu",
    )
    optimizer = torch.optim.AdamW(pupil.learning.values(), lr=settled.rate, betas=(0.9, 0.99), weight_decay=0.01)
    return accelerator.prepare(optimizer), accelerator


def _telling(course: Course, heard: Heard) -> Heard:
    """Tell whoever listens, and keep the page; writing it takes time, so at most every other second."""
    written = float("-inf")

    def tell(progress: Progress) -> None:
        nonlocal written
        if progress.over or time.monotonic() - written > 2:
            write_page(progress, course.folder)
            written = time.monotonic()
        heard(progress)

    return tell
