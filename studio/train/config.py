"""The configuration of a LoRA training, and the hyperparameters that follow from it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import regex

from studio.errors import InputError, ModelError
from studio.families import LoraTraining
from studio.library import Library
from studio.models.card import ModelCard
from studio.parameters.types import Size

_NAME: Final = regex.compile(r"[\w][\w .-]{0,99}")
_MIN_STEPS, _MAX_STEPS, _STEPS_PER_PICTURE = 200, 1500, 40
_PIXELS: Final = 2**20  # in a batch, at most
_SAMPLE_EVERY: Final = 50  # steps between samples, at least
_LARGE: Final = 10**9  # parameters; from here on activations are recomputed instead of kept

Targets = Literal["all", "attention"]
Precision = Literal["no", "fp16", "bf16"]


@dataclass(frozen=True)
class TrainingConfig:
    """The configuration of a LoRA training; its public name is ``studio.Course``.

    ``pictures`` is a folder, ``name`` the LoRA's, ``model`` the model that it is for. ``caption`` is for pictures that
    have none, ``trigger`` is put before every caption. The file is written to the folder ``out`` as NAME.safetensors
    with NAME.png, everything else into the folder NAME there. ``rank`` (1 to 256) is how much it can learn, ``alpha``
    over ``rank`` how strongly it acts; ``targets`` are all layers or the attention layers only. ``steps`` is how long
    it learns and ``rate`` how fast; None derives both from the pictures and the model. Pictures are resized to about as
    many pixels as ``size`` has, by default the model's own. ``samples`` are prompts for the sample pictures, by default
    three captions.

    Raises InputError for an invalid name and numbers out of bounds.
    """

    pictures: Path
    name: str
    model: str = "spark"
    caption: str = ""
    trigger: str = ""
    out: Path = field(default_factory=lambda: Library.from_environment().parts)
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
            raise InputError.about("name", "only letters, digits, spaces, . _ and -, at most 100 of them")
        bounds = {"rank": (1, 256), "alpha": (0.001, 1024), "steps": (1, 1_000_000), "rate": (1e-7, 1.0)}
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise InputError.about(name, f"from {least:g} to {most:g}, not {value:g}")

    @property
    def file(self) -> Path:
        """Where the LoRA is written."""
        return self.out / f"{self.name}.safetensors"

    @property
    def preview(self) -> Path:
        """Where the preview picture is written."""
        return self.file.with_suffix(".png")

    @property
    def folder(self) -> Path:
        """Where everything else is written: card, page, samples, and the state of an interrupted training."""
        return self.out / self.name

    @property
    def state(self) -> Path:
        """The file that an interrupted training resumes from."""
        return self.folder / "training.state"

    def with_trigger(self, caption: str) -> str:
        """A caption as it is learned, with the trigger."""
        return f"{self.trigger}, {caption}" if self.trigger and self.trigger not in caption else caption


@dataclass(frozen=True)
class Hyperparameters:
    """Everything that decides what is learned.

    ``size`` is that of the samples and of a square picture, ``pattern`` matches the modules that are adapted. ``batch``
    pictures go through the model at once, and ``accumulate`` such batches make one step. ``precision`` is accelerate's
    ``mixed_precision`` ("no" is full precision).
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
        """Advice for a training that diverges."""
        return f"try a lower rate, {self.rate / 10:.1g} instead of {self.rate:g}, under another name"

    def rate_at(self, step: int) -> float:
        """The learning rate of a step (from 0): warm-up over a twentieth of the steps, decay over the last third."""
        rise, fall = max(1, self.steps // 20), max(1, self.steps // 3)
        return self.rate * min(1.0, (step + 1) / rise, (self.steps - step) / fall)


def lora_training(card: ModelCard) -> LoraTraining:
    """How LoRAs for a model are trained; raises ModelError that says why if they cannot be."""
    family = card.family
    if family.training is None or "text-to-image" not in family.pipelines.classes:
        raise ModelError(f"LoRAs for {family.title} cannot be trained yet; choose a model of another family")
    if not family.capabilities.guidance_argument:
        raise ModelError(f"{family.title} is distilled; train on the model it was made from, the LoRA fits both")
    return family.training


def derive_hyperparameters(
    config: TrainingConfig, card: ModelCard, pictures: int, parameters: int, precision: Precision
) -> Hyperparameters:
    """The hyperparameters for a number of pictures, a model and a precision.

    ``parameters`` is the number of parameters in the denoiser.
    """
    how = lora_training(card)
    size = config.size or card.size
    batch = max(1, min(8, pictures, _PIXELS // (size.width * size.height)))
    steps = config.steps or max(_MIN_STEPS, min(_MAX_STEPS, _STEPS_PER_PICTURE * pictures))
    return Hyperparameters(
        size=size,
        rank=config.rank,
        alpha=config.alpha or config.rank,
        pattern=f"{how.attention_modules}|{how.other_modules}" if config.targets == "all" else how.attention_modules,
        steps=steps,
        rate=config.rate or _rate(parameters),
        batch=batch,
        accumulate=max(1, min(4, pictures) // batch),
        precision=precision,
        checkpointing=parameters > _LARGE,
        seed=config.seed,
        sample_every=max(_SAMPLE_EVERY, -(-steps // 5)),
    )


def _rate(parameters: int) -> float:
    """1e-4 for models of Stable Diffusion's size and larger; small ones need up to thirty times as much."""
    return 1e-4 * max(1.0, min(30.0, _LARGE / parameters))


def size_of(text: str) -> Size:
    """Parse a size such as "512x768"; raises InputError where it is not one."""
    try:
        return Size.parse(text)
    except ValueError as error:
        raise InputError.about("size", str(error)) from None
