"""The function behind ``studio.train_lora``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.library import Library
from studio.train.config import Course, size_of
from studio.train.loop import train
from studio.train.progress import Progress


def lora(
    pictures: str | Path,
    *,
    name: str,
    model: str = "spark",
    caption: str = "",
    trigger: str = "",
    out: Path | None = None,
    rank: int = 16,
    steps: int | None = None,
    size: str | None = None,
    samples: tuple[str, ...] = (),
    heard: Callable[[Progress], None] | None = None,
) -> Path:
    """Train a LoRA on a folder of pictures and return its file; see ``Course`` for what each argument means.

    ``heard`` is told after each step how far it is. Called again after it was cut off, it goes on where it was.
    Raises InputError that names what is wrong with the pictures, ModelError where the model does not load.
    """
    where: dict[str, Any] = {} if out is None else {"out": out}
    drawn = None if size is None else size_of(size)
    course = Course(
        Path(pictures), name, model, caption, trigger, rank=rank, steps=steps, size=drawn, samples=samples, **where
    )
    return train(course, Library.from_environment(), heard or (lambda _: None))
