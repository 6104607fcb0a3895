"""The model that learns: a LoRA of peft's in its frozen denoiser, and the pictures, encoded once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from inspect import signature
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from studio.diffusion.engine import Engine
from studio.diffusion.memory.offload import denoisers
from studio.diffusion.pipelines import Pipelines
from studio.diffusion.sample_request import Report
from studio.families import LoraTraining
from studio.models.card import ModelCard
from studio.parameters.sampling import AUTOMATIC
from studio.tensors.hardware import pick_dtype
from studio.train import training_targets
from studio.train.conditioning_cache import plain, together
from studio.train.config import Course, Precision, Settled, settle
from studio.train.config import lessons as how_it_learns
from studio.train.dataset import Example
from studio.train.latent_dataset import Lesson, lessons
from studio.train.training_targets import Question

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import Tensor, nn


class Change(NamedTuple):
    """What was learned for one module, by diffusers' name: ``down`` (rank, in, …) and ``up`` (out, rank, …)."""

    module: str
    down: "Tensor"
    up: "Tensor"


@dataclass(frozen=True)
class Pupil:
    """A model with a LoRA in its denoiser. ``learning`` is all that changes: the LoRA's parameters by name."""

    engine: Engine
    card: ModelCard
    how: LoraTraining
    settled: Settled
    denoiser: Any
    learning: "dict[str, nn.Parameter]"
    lessons: Sequence[Lesson]

    @property
    def device(self) -> "torch.device":
        return self.engine.pipelines.device

    def question(self, clean: "Tensor", noise: "Tensor", when: "Tensor") -> Question:
        """What these pictures, so noisy, are asked as; ``when`` (0 to 1, one for each) decides how noisy."""
        scheduler = self.engine.pipelines.get(self.card, "text-to-image").scheduler
        clean, noise = clean.to(self.device), noise.to(self.device)
        if self.card.family.capabilities.noise == "flow":
            return training_targets.flow(scheduler, clean, noise, when, self.how.timestep_convention)
        return training_targets.diffusion(scheduler, clean, noise, when)

    def answer(self, asked: Question, about: Sequence[Lesson]) -> "Tensor":
        """What the denoiser says."""
        import torch

        noisy_name, time_name = _names(self.denoiser)
        noisy: Any = asked.noisy.to(self.denoiser.dtype)
        noisy = list(noisy.unsqueeze(2).unbind()) if self.how.latent_layout == "frames" else noisy
        told = together([lesson.told for lesson in about], self.device)
        said = self.denoiser(**{noisy_name: noisy, time_name: asked.time}, **told, return_dict=False)[0]
        return torch.stack(said).squeeze(2) if isinstance(said, list) else said

    def draw(self, prompt: str, seed: int, report: Report) -> "Image":
        """A picture of the model with what it has learned so far, by the engine that draws everybody's pictures."""
        request = self.card.request(plain(prompt), AUTOMATIC, self.settled.size)
        return replace(self.engine, seed=seed, report=report).forward(self.card, request)

    def changes(self) -> Iterator[Change]:
        """What was learned, module by module."""
        for name, down in self.learning.items():
            module, mark, _ = name.partition(".lora_A.")
            if mark:
                up = self.learning[name.replace(".lora_A.", ".lora_B.")]
                yield Change(module, down.detach().cpu(), up.detach().cpu())


@contextmanager
def taught(course: Course, card: ModelCard, examples: Sequence[Example]) -> Iterator[Pupil]:
    """The model with the pictures encoded and a fresh LoRA; after, its denoiser is as it was."""
    engine = Engine(Pipelines(course.device))
    denoiser = next(denoisers(engine.pipelines.get(card, "text-to-image")))
    captions = [course.said(example.caption) for example in examples]
    encoded = list(lessons(engine, card, examples, captions, course.size or card.size))
    settled = settle(course, card, len(examples), _count(denoiser), _precision(engine.pipelines.device))
    learning = _put_in(denoiser, settled)
    try:
        yield Pupil(engine, card, how_it_learns(card), settled, denoiser, learning, encoded)
    finally:
        denoiser.delete_adapters("lora")


def _put_in(denoiser: Any, settled: Settled) -> "dict[str, nn.Parameter]":
    """A fresh LoRA in a frozen denoiser; returns what of it learns, in full precision.

    Its first half is random by the seed, its second zero: at first nothing changes.
    """
    import torch
    from peft import LoraConfig

    denoiser.requires_grad_(False)
    asked = LoraConfig(r=settled.rank, lora_alpha=settled.alpha, target_modules=settled.pattern)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settled.seed)
        denoiser.add_adapter(asked, adapter_name="lora")
    learning = {name: one for name, one in denoiser.named_parameters() if one.requires_grad}
    for one in learning.values():
        one.data = one.data.float()
    if settled.checkpointing:
        denoiser.enable_gradient_checkpointing()
    return learning


def _names(denoiser: Any) -> tuple[str, str]:
    """What the denoiser calls a noisy picture, its first argument, and the time."""
    parameters = signature(denoiser.forward).parameters
    return next(iter(parameters)), "t" if "t" in parameters else "timestep"


def _count(denoiser: Any) -> int:
    """How many numbers a denoiser has."""
    return sum(prod(one.shape) for one in denoiser.parameters())


def _precision(device: "torch.device") -> Precision:
    """Half on NVIDIA's GPUs, in accelerate's words; on a CPU it is slower, elsewhere gradients would vanish in it."""
    import torch

    if device.type != "cuda":
        return "no"
    halves: dict[Any, Precision] = {torch.float16: "fp16", torch.bfloat16: "bf16"}
    return halves.get(pick_dtype(device), "no")
