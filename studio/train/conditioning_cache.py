"""The denoiser's arguments for a caption, captured from a run of the model's own pipeline.

So a caption is encoded in training exactly as it will be in a prompt, in every family: embeddings, pooled embeddings,
sizes, positions and whatever else the denoiser takes, without a second implementation.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, Final

from studio.diffusion.engine import Engine
from studio.diffusion.memory.offload import denoisers
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.parameters.sampling import Sampling
from studio.parameters.types import Size
from studio.train.config import lora_training

DenoiserArguments = Mapping[str, Any]
"""The denoiser's arguments besides the noisy latents and the timestep, each for a batch of one."""

_SYNTAX: Final = re.compile(r"[()\[\]{}|:_<>\\]")
_KEYWORDS: Final = (("BREAK", "break"), ("AND", "and"))


class _Captured(Exception):
    """Ends a pipeline's run when its denoiser is first called."""


def denoiser_arguments(engine: Engine, card: ModelCard, caption: str, size: Size) -> DenoiserArguments:
    """The arguments with which a model's denoiser is called for a caption at a size; tensors are in main memory."""
    pipeline = engine.pipelines.get(card, "text-to-image")
    denoiser = next(denoisers(pipeline))
    captured: dict[str, Any] = {}

    def capture(_: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        captured.update(signature(denoiser.forward).bind(*args, **kwargs).arguments)
        raise _Captured

    hook = denoiser.register_forward_pre_hook(capture, with_kwargs=True)
    try:
        engine.forward(card, _request(card, caption, size))
    except _Captured:
        pass
    finally:
        hook.remove()
    latents = next(iter(signature(denoiser.forward).parameters))
    others = {name: value for name, value in captured.items() if name not in {latents, "t", "timestep", "return_dict"}}
    return {name: _map_tensors(value, lambda tensor: tensor.detach().cpu()) for name, value in others.items()}


def collate(arguments: Sequence[DenoiserArguments], device: Any) -> dict[str, Any]:
    """The arguments of a batch as one, on a device."""
    joined = {name: _joined([one[name] for one in arguments]) for name in arguments[0]}
    return {name: _map_tensors(value, lambda tensor: tensor.to(device)) for name, value in joined.items()}


def shapes(value: Any) -> Any:
    """The shapes of all tensors in the arguments; only arguments of the same shapes can be in one batch."""
    if isinstance(value, dict):
        return tuple((name, shapes(one)) for name, one in value.items())
    return tuple(value.shape) if hasattr(value, "shape") else None


def escaped(caption: str) -> str:
    """The caption as a prompt without any syntax."""
    for word, harmless in _KEYWORDS:
        caption = re.sub(rf"\b{word}\b", harmless, caption)
    return _SYNTAX.sub(r"\\\g<0>", caption)


def _request(card: ModelCard, caption: str, size: Size) -> Request:
    """A request without guidance, or for a guidance-distilled model with the value that means none: one pass a step."""
    return card.request(escaped(caption), Sampling(guidance=lora_training(card).neutral_guidance), size)


def _map_tensors(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with every tensor in it changed."""
    import torch

    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, dict):
        return {name: _map_tensors(one, change) for name, one in value.items()}
    return [_map_tensors(one, change) for one in value] if isinstance(value, list) else value


def _joined(values: Sequence[Any]) -> Any:
    """One argument of a batch; positions, which have no batch dimension, are the same for all of one size."""
    import torch

    first = values[0]
    if isinstance(first, dict):
        return {name: _joined([value[name] for value in values]) for name in first}
    if isinstance(first, list):
        return [one for value in values for one in value]
    if isinstance(first, torch.Tensor) and first.ndim and first.shape[0] == 1:
        return torch.cat(list(values))
    return first
