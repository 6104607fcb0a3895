"""What is asked of a training, and what follows from it: one number, the steps, and the rest is settled here."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import regex

from studio.errors import InputError, ModelError
from studio.families import LoraTraining
from studio.models import adapters
from studio.models.card import ModelCard
from studio.parameters.types import Size

_NAME: Final = regex.compile(r"[\w][\w .-]{0,99}")
_FEW, _MOST, _EACH = 200, 1500, 40  # steps: at least, at most, and for each picture
_PIXELS: Final = 2**20  # what a batch holds
_BETWEEN: Final = 50  # steps between samples, at least
_LARGE: Final = 10**9  # parameters from which activations are computed again rather than kept

Targets = Literal["all", "attention"]
Precision = Literal["no", "fp16", "bf16"]


@dataclass(frozen=True)
class Course:
    """A LoRA that shall be trained: on which pictures, for which model, by which name.

    ``caption`` is that of pictures that have none, ``trigger`` is put before every caption. The file goes to the
    folder ``out`` as NAME.safetensors with NAME.png, all else into the folder NAME there. ``rank`` (1 to 256) is how
    much it can learn, ``alpha`` over ``rank`` how strongly it acts; ``targets`` whether it adapts all layers or those
    that attend alone. ``steps`` is how long it learns and ``rate`` how fast; None leaves both to the pictures
    and the model. Pictures are learned at sizes of about as many pixels as ``size`` has, the model's own without it.
    ``samples`` are prompts that are drawn along the way; without any, three captions.

    Raises InputError for a name that is none and numbers out of bounds.
    """

    pictures: Path
    name: str
    model: str = "spark"
    caption: str = ""
    trigger: str = ""
    out: Path = field(default_factory=adapters.folder)
    rank: int = 16
    alpha: float | None = None
    targets: Targets = "all"
    steps: int | None = None
    rate: float | None = None
    size: Size | None = None
    seed: int = 0
    samples: tuple[str, ...] = ()
    title: str = ""
    licence: str = ""
    device: str = "auto"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError.about("name", "letters, digits, spaces, . _ and - alone, at most 100 of them")
        bounds = {"rank": (1, 256), "alpha": (0.001, 1024), "steps": (1, 1_000_000), "rate": (1e-7, 1.0)}
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise InputError.about(name, f"from {least:g} to {most:g}, not {value:g}")

    @property
    def file(self) -> Path:
        """Where the LoRA will be."""
        return self.out / f"{self.name}.safetensors"

    @property
    def preview(self) -> Path:
        """Where the picture of what it draws will be."""
        return self.file.with_suffix(".png")

    @property
    def folder(self) -> Path:
        """Where all that comes with it goes: card, page, samples, and what a training that was cut off goes on from."""
        return self.out / self.name

    @property
    def state(self) -> Path:
        """What a training that was cut off goes on from."""
        return self.folder / "training.state"

    def said(self, caption: str) -> str:
        """A caption as it is learned."""
        return f"{self.trigger}, {caption}" if self.trigger and self.trigger not in caption else caption


@dataclass(frozen=True)
class Settled:
    """Everything that decides what is learned.

    ``size`` is that of the samples and of a square picture, ``pattern`` which modules are adapted; ``batch`` pictures
    go through the model at once, and ``accumulate`` such batches make one step. ``precision`` is accelerate's word
    for what is computed in ("no" is full).
    """

    size: Size
    rank: int
    alpha: float
    pattern: str
    steps: int
    rate: float
    batch: int
    accumulate: int
    precision: Precision
    checkpointing: bool
    seed: int
    sample_every: int

    @property
    def lower_rate(self) -> str:
        """What to try where numbers grow beyond all bounds."""
        return f"try a lower rate, {self.rate / 10:.1g} instead of {self.rate:g}, under another name"

    def rate_at(self, step: int) -> float:
        """The learning rate of a step (from 0): it rises for a twentieth of them and falls over the last third."""
        rise, fall = max(1, self.steps // 20), max(1, self.steps // 3)
        return self.rate * min(1.0, (step + 1) / rise, (self.steps - step) / fall)


def lessons(card: ModelCard) -> LoraTraining:
    """How LoRAs for a model are trained; raises ModelError that says why where they are not."""
    family = card.family
    if family.training is None or "text-to-image" not in family.pipelines.classes:
        raise ModelError(f"LoRAs for {family.title} cannot be trained here yet")
    if not family.capabilities.guidance_argument:
        raise ModelError(f"{family.title} is distilled; train on the model it was made from, the LoRA fits both")
    return family.training


def settle(course: Course, card: ModelCard, pictures: int, parameters: int, precision: Precision) -> Settled:
    """What follows: from the number of pictures, the model's size, and the device.

    ``parameters`` are the denoiser's.
    """
    how = lessons(card)
    size = course.size or card.size
    batch = max(1, min(8, pictures, _PIXELS // (size.width * size.height)))
    steps = course.steps or max(_FEW, min(_MOST, _EACH * pictures))
    return Settled(
        size=size,
        rank=course.rank,
        alpha=course.alpha or course.rank,
        pattern=f"{how.attention_modules}|{how.other_modules}" if course.targets == "all" else how.attention_modules,
        steps=steps,
        rate=course.rate or _rate(parameters),
        batch=batch,
        accumulate=max(1, min(4, pictures) // batch),
        precision=precision,
        checkpointing=parameters > _LARGE,
        seed=course.seed,
        sample_every=max(_BETWEEN, -(-steps // 5)),
    )


def _rate(parameters: int) -> float:
    """1e-4 for models of Stable Diffusion's size and more; small ones stand, and need, up to thirty times as much."""
    return 1e-4 * max(1.0, min(30.0, _LARGE / parameters))


def size_of(text: str) -> Size:
    """A size as people write it, "512x768"; raises InputError where it is none."""
    try:
        return Size.parse(text)
    except ValueError as error:
        raise InputError.about("size", str(error)) from None
