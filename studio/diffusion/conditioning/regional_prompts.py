"""Areas of a picture with prompts of their own: one noise prediction for each, put together by masks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image, Resampling

from studio.diffusion.patch import Method, patched
from studio.diffusion.prompts.encode import Embedding, Recall, embedding
from studio.parameters.conditioning import Region
from studio.prompts.lora import Lora

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor


Wear = Callable[[Sequence[Lora]], None]
"""Lets the model wear these LoRAs besides the picture's own."""


@dataclass(frozen=True)
class _Area:
    """An area: its words as the U-Net hears them, where it is, and its LoRAs."""

    said: Embedding
    mask: Image
    loras: Sequence[Lora]


@contextmanager
def divided(
    pipeline: "DiffusionPipeline", regions: Sequence[Region], clip_skip: int, wear: Wear, recall: Recall
) -> Iterator[None]:
    """While inside, the U-Net hears each area's own prompt there, and the picture's everywhere else.

    Where areas overlap, the later one covers the earlier. Each costs as much again as the picture
    without guidance. One that has LoRAs wears them for its own prediction alone, and while its prompt is read.
    """
    if not regions:
        yield
        return
    areas = [_heard(pipeline, region, clip_skip, wear, recall) for region in regions]
    with patched(pipeline.unet, "forward", lambda own: _Divided(pipeline, own, areas, wear)):
        yield


class _Divided:
    """A U-Net's forward that predicts once more for each area."""

    def __init__(self, pipeline: "DiffusionPipeline", own: Method, areas: Sequence[_Area], wear: Wear) -> None:
        self._pipeline, self._own, self._areas, self._wear = pipeline, own, areas, wear

    def __call__(self, sample: "Tensor", timestep: Any, encoder_hidden_states: "Tensor", **named: Any) -> Any:
        import torch

        whole = self._own(sample, timestep, encoder_hidden_states, **named)[0]
        total = len(sample)
        count = total // 2 if self._pipeline.do_classifier_free_guidance else total  # the last ones hear the prompt
        rest, noise = whole[: total - count], whole[total - count :]
        their = {name: _last(value, total, count) for name, value in named.items()}
        for area in self._areas:
            words, told = _for_all(area.said.hidden, count), _pooled(their, area.said.pooled, count)
            with _wearing(area.loras, self._wear):
                own = self._own(sample[-count:], timestep, words, **told)[0]
            noise = noise + _mask(area.mask, noise) * (own - noise)
        return (torch.cat([rest, noise]),)


@contextmanager
def _wearing(loras: Sequence[Lora], wear: Wear) -> Iterator[None]:
    if not loras:
        yield
        return
    wear(loras)
    try:
        yield
    finally:
        wear(())


def _heard(pipeline: "DiffusionPipeline", region: Region, clip_skip: int, wear: Wear, recall: Recall) -> _Area:
    with _wearing(region.loras, wear):
        return _Area(embedding(pipeline, region.prompt, clip_skip, recall), region.mask, region.loras)


def _pooled(named: dict[str, Any], pooled: "Tensor | None", count: int) -> dict[str, Any]:
    added = named.get("added_cond_kwargs")
    if pooled is None or not added:
        return named
    return {**named, "added_cond_kwargs": {**added, "text_embeds": _for_all(pooled, count)}}


def _for_all(embeds: "Tensor", count: int) -> "Tensor":
    return embeds.expand(count, *embeds.shape[1:])


def _last(value: Any, total: int, count: int) -> Any:
    """The last ``count`` of every tensor that has one row for each of ``total``."""
    if isinstance(value, dict):
        return {name: _last(each, total, count) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_last(each, total, count) for each in value)
    return value[-count:] if getattr(value, "ndim", 0) and len(value) == total else value


def _mask(mask: Image, noise: "Tensor") -> "Tensor":
    """A mask as numbers from 0 to 1, as large as the latents."""
    import torch

    small = mask.convert("L").resize((noise.shape[-1], noise.shape[-2]), Resampling.BOX)
    return torch.from_numpy(np.asarray(small, np.float32) / 255).to(noise)
