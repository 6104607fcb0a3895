"""The loop: pictures made noisy, the denoiser's answers compared with the right ones, the LoRA moved a little."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.errors import Cancelled, InputError
from studio.models import library
from studio.train import folder
from studio.train.course import Course, lessons
from studio.train.diary import Diary
from studio.train.lessons import batch
from studio.train.page import write_page
from studio.train.progress import Progress
from studio.train.pupil import Pupil, taught
from studio.train.question import moments
from studio.train.stop import stoppable
from studio.train.write import write

if TYPE_CHECKING:
    from accelerate import Accelerator

Heard = Callable[[Progress], None]


def train(course: Course, heard: Heard) -> Path:
    """Train a LoRA and write it; returns its file. ``heard`` is told after each step how far it is.

    Ctrl+C, or Cancelled raised by ``heard``, stop it between two steps. The same course then goes on from there, and
    so it does where the process was killed: with the same losses as if nothing had happened. Raises InputError for
    wrong pictures or settings before anything starts, ModelError where the model does not load.
    """
    card = library.find(course.model)
    lessons(card)
    if course.file.exists():
        raise InputError.about("name", f"there is a LoRA '{course.file}' already; choose another name or delete it")
    examples = folder.examples(course.pictures, course.caption, min(course.size or card.size) // 2)
    with taught(course, card, examples) as pupil, stoppable() as asked:
        optimizer, accelerator = _equipped(pupil)
        diary = Diary(course, pupil, examples, optimizer, accelerator.scaler)
        tell = _telling(course, heard)
        try:
            while True:
                diary.draw_samples(asked)
                if diary.step == pupil.settled.steps:
                    break
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
        write(course, pupil, diary, examples)
        diary.forget()
        tell(diary.progress("done"))
    return course.file


def _learn(pupil: Pupil, step: int, optimizer: Any, accelerator: "Accelerator") -> tuple[float, int]:
    """One step, all of whose chance follows from the seed and its number; returns the loss and the pictures seen."""
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
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(pupil.learning.values(), 1.0)
            optimizer.param_groups[0]["lr"] = settled.rate_at(step)
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        seen += len(clean)
    return sum(losses) / len(losses), seen


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
