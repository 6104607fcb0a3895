"""Which function computes attention: xformers' where it is installed for a GPU, torch's own otherwise.

``set_attention_backend`` of diffusers does nothing to U-Nets, autoencoders and several transformers, and changes
the default of the whole process; so processors are set, on the modules that have them. Transformers keep torch's
own function, which is as quick on today's GPUs.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from diffusers import DiffusionPipeline


def choose(device: "torch.device") -> str:
    """The quickest there is for a device: "xformers" or "torch"."""
    return "xformers" if device.type == "cuda" and find_spec("xformers") else "torch"


def use(pipeline: "DiffusionPipeline", which: str) -> None:
    """Let the U-Net and the autoencoder of a pipeline attend by one of the two functions."""
    from diffusers.models import attention_processor as processors

    kind = processors.XFormersAttnProcessor if which == "xformers" else processors.AttnProcessor2_0
    for _, part in _switchable(pipeline):
        part.set_attn_processor(kind())


def in_use(pipeline: "DiffusionPipeline") -> dict[str, list[str]]:
    """The processors of each part that has some, for the record."""
    return {
        name: sorted({type(processor).__name__ for processor in part.attn_processors.values()})
        for name, part in pipeline.components.items()
        if getattr(part, "attn_processors", None)
    }


def _switchable(pipeline: "DiffusionPipeline") -> Iterator[tuple[str, Any]]:
    """The modules whose attention has the plain form that both functions serve."""
    from diffusers.models.attention_processor import AttnProcessor2_0, XFormersAttnProcessor

    for name, part in pipeline.components.items():
        kinds = {type(processor) for processor in getattr(part, "attn_processors", {}).values()}
        if kinds and kinds <= {AttnProcessor2_0, XFormersAttnProcessor}:
            yield name, part
