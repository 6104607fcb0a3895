"""The function behind ``studio.train_lora``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.library import Library
from studio.train.config import TrainingConfig, size_of
from studio.train.loop import train
from studio.train.progress import TrainingProgress


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
    heard: Callable[[TrainingProgress], None] | None = None,
) -> Path:
    """Train a LoRA on a folder of pictures and return its file; see ``Course`` for the meaning of each argument.

    ``heard`` is called with the progress after each step. An interrupted training resumes when it is called again.
    Raises InputError that names what is wrong with the pictures, ModelError where the model does not load.
    """
    where: dict[str, Any] = {} if out is None else {"out": out}
    picture_size = None if size is None else size_of(size)
    config = TrainingConfig(
        Path(pictures), name, model, caption, trigger,
        rank=rank, steps=steps, size=picture_size, samples=samples, **where,
    )  # fmt: skip
    return train(config, Library.from_environment(), heard or (lambda _: None))
