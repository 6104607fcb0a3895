"""Regional prompts: one noise prediction for each area, combined by masks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image, Resampling

from studio.diffusion.patch import Method, patched
from studio.diffusion.prompts.encode import Embedding, EncodeCached, encode_prompt
from studio.parameters.conditioning import Region
from studio.prompts.lora import Lora

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor


ApplyLoras = Callable[[Sequence[Lora]], None]
"""Applies these LoRAs to the model, besides the picture's own."""


@dataclass(frozen=True)
class _Area:
    """An area: its encoded prompt, its mask, and its LoRAs."""

    prompt: Embedding
    mask: Image
    loras: Sequence[Lora]


@contextmanager
def regional_prompts(
    pipeline: "DiffusionPipeline",
    regions: Sequence[Region],
    clip_skip: int,
    apply_loras: ApplyLoras,
    encode_cached: EncodeCached,
) -> Iterator[None]:
    """While inside, the U-Net follows each area's own prompt within it, and the picture's prompt everywhere else.

    Where areas overlap, the later one covers the earlier. Each area costs as much as the picture without guidance.
    An area's LoRAs are applied for its own prediction, and while its prompt is encoded.
    """
    if not regions:
        yield
        return
    areas = [_encode_area(pipeline, region, clip_skip, apply_loras, encode_cached) for region in regions]
    with patched(pipeline.unet, "forward", lambda own: _RegionalUNet(pipeline, own, areas, apply_loras)):
        yield


class _RegionalUNet:
    """A U-Net's forward with one more prediction for each area."""

    def __init__(
        self, pipeline: "DiffusionPipeline", own: Method, areas: Sequence[_Area], apply_loras: ApplyLoras
    ) -> None:
        self._pipeline, self._own, self._areas, self._apply_loras = pipeline, own, areas, apply_loras

    def __call__(self, sample: "Tensor", timestep: Any, encoder_hidden_states: "Tensor", **named: Any) -> Any:
        import torch

        whole = self._own(sample, timestep, encoder_hidden_states, **named)[0]
        total = len(sample)
        count = total // 2 if self._pipeline.do_classifier_free_guidance else total  # the last rows have the prompt
        rest, noise = whole[: total - count], whole[total - count :]
        last = {name: _last_rows(value, total, count) for name, value in named.items()}
        for area in self._areas:
            hidden, arguments = _expanded(area.prompt.hidden, count), _with_pooled(last, area.prompt.pooled, count)
            with _with_loras(area.loras, self._apply_loras):
                own = self._own(sample[-count:], timestep, hidden, **arguments)[0]
            noise = noise + _mask(area.mask, noise) * (own - noise)
        return (torch.cat([rest, noise]),)


@contextmanager
def _with_loras(loras: Sequence[Lora], apply_loras: ApplyLoras) -> Iterator[None]:
    if not loras:
        yield
        return
    apply_loras(loras)
    try:
        yield
    finally:
        apply_loras(())


def _encode_area(
    pipeline: "DiffusionPipeline", region: Region, clip_skip: int, apply_loras: ApplyLoras, encode_cached: EncodeCached
) -> _Area:
    with _with_loras(region.loras, apply_loras):
        return _Area(encode_prompt(pipeline, region.prompt, clip_skip, encode_cached), region.mask, region.loras)


def _with_pooled(named: dict[str, Any], pooled: "Tensor | None", count: int) -> dict[str, Any]:
    added = named.get("added_cond_kwargs")
    if pooled is None or not added:
        return named
    return {**named, "added_cond_kwargs": {**added, "text_embeds": _expanded(pooled, count)}}


def _expanded(embeds: "Tensor", count: int) -> "Tensor":
    return embeds.expand(count, *embeds.shape[1:])


def _last_rows(value: Any, total: int, count: int) -> Any:
    """The last ``count`` rows of every tensor that has ``total`` rows."""
    if isinstance(value, dict):
        return {name: _last_rows(each, total, count) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_last_rows(each, total, count) for each in value)
    return value[-count:] if getattr(value, "ndim", 0) and len(value) == total else value


def _mask(mask: Image, noise: "Tensor") -> "Tensor":
    """A mask as values from 0 to 1, of the latents' size."""
    import torch

    small = mask.convert("L").resize((noise.shape[-1], noise.shape[-2]), Resampling.BOX)
    return torch.from_numpy(np.asarray(small, np.float32) / 255).to(noise)
