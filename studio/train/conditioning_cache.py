"""What a denoiser is told with a caption: its own pipeline is started on it and overheard.

So a caption is read in training exactly as it will be in a prompt, in every family: embeddings, pooled ones, sizes,
positions and whatever else the denoiser takes, without a second way of making them.
"""

import re
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, Final

from studio.diffusion.engine import Engine
from studio.diffusion.memory.offload import denoisers
from studio.models.card import ModelCard
from studio.parameters.request import Request
from studio.parameters.sampling import Sampling
from studio.parameters.types import Size
from studio.train.config import lessons

Condition = Mapping[str, Any]
"""The denoiser's arguments besides the noisy picture and the time, each for a batch of one."""

_MARKS: Final = re.compile(r"[()\[\]{}|:_<>\\]")
_KEYWORDS: Final = (("BREAK", "break"), ("AND", "and"))


class _Overheard(Exception):
    """Ends a pipeline's run when its denoiser is first called."""


def condition(engine: Engine, card: ModelCard, caption: str, size: Size) -> Condition:
    """What the denoiser of a model is told when it draws a caption at a size; tensors are in main memory."""
    pipeline = engine.pipelines.get(card, "text-to-image")
    denoiser = next(denoisers(pipeline))
    heard: dict[str, Any] = {}

    def overhear(_: Any, given: Sequence[Any], named: Mapping[str, Any]) -> None:
        heard.update(signature(denoiser.forward).bind(*given, **named).arguments)
        raise _Overheard

    hook = denoiser.register_forward_pre_hook(overhear, with_kwargs=True)
    try:
        engine.forward(card, _request(card, caption, size))
    except _Overheard:
        pass
    finally:
        hook.remove()
    noisy = next(iter(signature(denoiser.forward).parameters))
    told = {name: value for name, value in heard.items() if name not in {noisy, "t", "timestep", "return_dict"}}
    return {name: _each(value, lambda tensor: tensor.detach().cpu()) for name, value in told.items()}


def together(conditions: Sequence[Condition], device: Any) -> dict[str, Any]:
    """The conditions of a batch as one, on a device."""
    joined = {name: _joined([one[name] for one in conditions]) for name in conditions[0]}
    return {name: _each(value, lambda tensor: tensor.to(device)) for name, value in joined.items()}


def shape(told: Any) -> Any:
    """The shapes of all tensors in a condition; those of one shape can be learned from in one batch."""
    if isinstance(told, dict):
        return tuple((name, shape(value)) for name, value in told.items())
    return tuple(told.shape) if hasattr(told, "shape") else None


def plain(caption: str) -> str:
    """The caption as a prompt that means nothing but its words."""
    for word, harmless in _KEYWORDS:
        caption = re.sub(rf"\b{word}\b", harmless, caption)
    return _MARKS.sub(r"\\\g<0>", caption)


def _request(card: ModelCard, caption: str, size: Size) -> Request:
    """Without guidance: one pass, and where a model was taught guidance, the strength that means none."""
    return card.request(plain(caption), Sampling(guidance=lessons(card).neutral_guidance), size)


def _each(value: Any, change: Any) -> Any:
    """The value with every tensor in it changed."""
    import torch

    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, dict):
        return {name: _each(one, change) for name, one in value.items()}
    return [_each(one, change) for one in value] if isinstance(value, list) else value


def _joined(values: Sequence[Any]) -> Any:
    """What each of a batch is told, joined; positions, which have no batch, are the same for all of one size."""
    import torch

    first = values[0]
    if isinstance(first, dict):
        return {name: _joined([value[name] for value in values]) for name in first}
    if isinstance(first, list):
        return [one for value in values for one in value]
    if isinstance(first, torch.Tensor) and first.ndim and first.shape[0] == 1:
        return torch.cat(list(values))
    return first
