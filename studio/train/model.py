"""The model that is trained: a peft LoRA in its frozen denoiser, and the encoded pictures."""

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
from studio.library import Library
from studio.lora.formats.lora_keys import parse_key
from studio.models.card import ModelCard
from studio.parameters.sampling import AUTOMATIC
from studio.tensors.hardware import pick_dtype
from studio.train import training_targets
from studio.train.conditioning_cache import collate, escaped
from studio.train.config import Hyperparameters, Precision, TrainingConfig, derive_hyperparameters, lora_training
from studio.train.dataset import Example
from studio.train.latent_dataset import EncodedExample, encode_examples
from studio.train.training_targets import TrainingTarget

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import Tensor, nn

_ADAPTER = "lora"  # the name of peft's adapter


class TrainedLayer(NamedTuple):
    """What was learned for one module, by diffusers' name: ``down`` (rank, in, …) and ``up`` (out, rank, …)."""

    module: str
    down: "Tensor"
    up: "Tensor"


@dataclass(frozen=True)
class TrainingModel:
    """A model with a LoRA in its denoiser. ``parameters`` are the trainable ones by name, all of the LoRA's."""

    engine: Engine
    card: ModelCard
    training: LoraTraining
    hyper: Hyperparameters
    denoiser: Any
    parameters: "dict[str, nn.Parameter]"
    examples: Sequence[EncodedExample]

    @property
    def device(self) -> "torch.device":
        return self.engine.pipelines.device

    def target(self, clean: "Tensor", noise: "Tensor", times: "Tensor") -> TrainingTarget:
        """The training target for these latents; ``times`` (0 to 1, one for each) decide how noisy they are."""
        scheduler = self.engine.pipelines.get(self.card, "text-to-image").scheduler
        clean, noise = clean.to(self.device), noise.to(self.device)
        if self.card.family.capabilities.noise == "flow":
            return training_targets.flow(scheduler, clean, noise, times, self.training.timestep_convention)
        return training_targets.diffusion(scheduler, clean, noise, times)

    def predict(self, target: TrainingTarget, examples: Sequence[EncodedExample]) -> "Tensor":
        """What the denoiser predicts for a batch."""
        import torch

        latents_name, timestep_name = _argument_names(self.denoiser)
        noisy: Any = target.noisy.to(self.denoiser.dtype)
        noisy = list(noisy.unsqueeze(2).unbind()) if self.training.latent_layout == "frames" else noisy
        others = collate([example.arguments for example in examples], self.device)
        arguments = {latents_name: noisy, timestep_name: target.timestep}
        predicted = self.denoiser(**arguments, **others, return_dict=False)[0]
        return torch.stack(predicted).squeeze(2) if isinstance(predicted, list) else predicted

    def draw(self, prompt: str, seed: int, report: Report) -> "Image":
        """A picture from the model as trained so far, drawn by the engine like any other picture."""
        request = self.card.request(escaped(prompt), AUTOMATIC, self.hyper.size)
        return replace(self.engine, seed=seed, report=report).forward(self.card, request)

    def layers(self) -> Iterator[TrainedLayer]:
        """What was learned, module by module."""
        found: dict[str, dict[str, Tensor]] = {}
        for name, parameter in self.parameters.items():
            if key := parse_key(name):
                found.setdefault(key.target, {})[key.kind] = parameter.detach().cpu()
        return (TrainedLayer(module, tensors["down"], tensors["up"]) for module, tensors in found.items())


@contextmanager
def prepared(
    config: TrainingConfig, library: Library, card: ModelCard, examples: Sequence[Example]
) -> Iterator[TrainingModel]:
    """The model with the pictures encoded and a fresh LoRA; on leaving, its denoiser is restored."""
    engine = Engine(Pipelines(library, config.device))
    denoiser = next(denoisers(engine.pipelines.get(card, "text-to-image")))
    captions = [config.with_trigger(example.caption) for example in examples]
    encoded = list(encode_examples(engine, card, examples, captions, config.size or card.size))
    precision = _precision(engine.pipelines.device)
    hyper = derive_hyperparameters(config, card, len(examples), _parameter_count(denoiser), precision)
    parameters = _add_lora(denoiser, hyper)
    try:
        yield TrainingModel(engine, card, lora_training(card), hyper, denoiser, parameters, encoded)
    finally:
        denoiser.delete_adapters(_ADAPTER)


def _add_lora(denoiser: Any, hyper: Hyperparameters) -> "dict[str, nn.Parameter]":
    """Add a fresh LoRA to a frozen denoiser; returns its parameters, in full precision.

    The down matrices are random by the seed, the up matrices zero: at first the LoRA has no effect.
    """
    import torch
    from peft import LoraConfig

    denoiser.requires_grad_(False)
    config = LoraConfig(r=hyper.rank, lora_alpha=hyper.alpha, target_modules=hyper.pattern)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hyper.seed)
        denoiser.add_adapter(config, adapter_name=_ADAPTER)
    parameters = {name: parameter for name, parameter in denoiser.named_parameters() if parameter.requires_grad}
    for parameter in parameters.values():
        parameter.data = parameter.data.float()
    if hyper.checkpointing:
        denoiser.enable_gradient_checkpointing()
    return parameters


def _argument_names(denoiser: Any) -> tuple[str, str]:
    """The denoiser's names for the noisy latents, its first argument, and for the timestep."""
    parameters = signature(denoiser.forward).parameters
    return next(iter(parameters)), "t" if "t" in parameters else "timestep"


def _parameter_count(denoiser: Any) -> int:
    return sum(prod(parameter.shape) for parameter in denoiser.parameters())


def _precision(device: "torch.device") -> Precision:
    """Half precision on NVIDIA's GPUs; on a CPU it is slower, elsewhere gradients would vanish in it."""
    import torch

    if device.type != "cuda":
        return "no"
    half: dict[Any, Precision] = {torch.float16: "fp16", torch.bfloat16: "bf16"}
    return half.get(pick_dtype(device), "no")
