"""Which attention implementation is used: xformers' where it is installed for a GPU, torch's own otherwise.

``set_attention_backend`` of diffusers has no effect on U-Nets, autoencoders and several transformers, and changes the
default of the whole process; so attention processors are set, on the modules that have them. Transformers keep torch's
own function, which is as fast on today's GPUs.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline


def choose(device: "torch.device") -> str:
    """The fastest implementation for a device: "xformers" or "torch"."""
    return "xformers" if device.type == "cuda" and find_spec("xformers") else "torch"


def use(pipeline: "DiffusionPipeline", which: str) -> None:
    """Set the attention processors of the U-Net and the autoencoder."""
    from diffusers.models import attention_processor as processors

    kind = processors.XFormersAttnProcessor if which == "xformers" else processors.AttnProcessor2_0
    for _, part in _switchable(pipeline):
        part.set_attn_processor(kind())


def in_use(pipeline: "DiffusionPipeline") -> dict[str, list[str]]:
    """The processors of each component that has some, for the record."""
    return {
        name: sorted({type(processor).__name__ for processor in part.attn_processors.values()})
        for name, part in pipeline.components.items()
        if getattr(part, "attn_processors", None)
    }


def _switchable(pipeline: "DiffusionPipeline") -> Iterator[tuple[str, Any]]:
    """The components whose attention has the plain form that both implementations support."""
    from diffusers.models.attention_processor import AttnProcessor2_0, XFormersAttnProcessor

    for name, part in pipeline.components.items():
        kinds = {type(processor) for processor in getattr(part, "attn_processors", {}).values()}
        if kinds and kinds <= {AttnProcessor2_0, XFormersAttnProcessor}:
            yield name, part
