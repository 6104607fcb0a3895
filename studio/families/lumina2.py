"""Lumina-Image 2: reads with Gemma 2."""

from types import MappingProxyType
from typing import Final

from studio.families import Defaults, Family, Shapes, table
from studio.kinds import Size

_NAMES: Final = MappingProxyType(
    {
        "norm_final": "",
        "final_layer.linear": "norm_out.linear_2",
        "final_layer.adaLN_modulation.1": "norm_out.linear_1",
        "adaLN_modulation.1": "norm1.linear",
        "context_refiner.*.attention_norm1": "context_refiner.*.norm1",
        "attention_norm1": "norm1.norm",
        "attention_norm2": "norm2",
        "attention.qkv": "attn.(to_q|to_k|to_v)",
        "attention.q_norm": "attn.norm_q",
        "attention.k_norm": "attn.norm_k",
        "attention.out": "attn.to_out.0",
        "w1": "linear_1",
        "w2": "linear_2",
        "w3": "linear_3",
        "cap_embedder": "time_caption_embed.caption_embedder",
        "t_embedder.mlp.0": "time_caption_embed.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "time_caption_embed.timestep_embedder.linear_2",
    }
)


def _layout(shapes: Shapes) -> str | None:
    """Gemma's words are embedded by a norm and a linear map; Z-Image, much alike, pads with tokens besides."""
    mine = {"cap_embedder.0.weight", "layers.0.attention.qkv.weight"} <= shapes.keys()
    return "" if mine and "x_pad_token" not in shapes else None


FAMILY = Family(
    name="lumina2",
    title="Lumina-Image 2",
    classes=frozenset({"Lumina2Pipeline", "Lumina2Text2ImgPipeline"}),
    pipelines=table(text_to_image="Lumina2Pipeline"),
    multiple=16,
    defaults=Defaults(steps=50, guidance=4.0, size=Size(1024, 1024)),
    layout=_layout,
    names=_NAMES,
    source="Alpha-VLLM/Lumina-Image-2.0",
    noise="flow",
    halves=("bfloat16",),
)
