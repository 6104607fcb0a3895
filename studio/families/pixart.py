"""PixArt-Sigma: a small transformer with a large text encoder."""

from types import MappingProxyType
from typing import Final

from studio.families import Defaults, Family, Shapes, table
from studio.kinds import Size

_NAMES: Final = MappingProxyType(
    {
        "pos_embed": "",
        "y_embedder.y_embedding": "",
        "t_embedder.mlp.0": "adaln_single.emb.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "adaln_single.emb.timestep_embedder.linear_2",
        "t_block.1": "adaln_single.linear",
        "x_embedder": "pos_embed",
        "y_embedder.y_proj.fc1": "caption_projection.linear_1",
        "y_embedder.y_proj.fc2": "caption_projection.linear_2",
        "cross_attn.q_linear": "attn2.to_q",
        "cross_attn.kv_linear": "attn2.(to_k|to_v)",
        "cross_attn.proj": "attn2.to_out.0",
        "attn.qkv": "attn1.(to_q|to_k|to_v)",
        "attn.proj": "attn1.to_out.0",
        "mlp.fc1": "ff.net.0.proj",
        "mlp.fc2": "ff.net.2",
        "final_layer.linear": "proj_out",
        "final_layer.scale_shift_table": "scale_shift_table",
        "blocks": "transformer_blocks",
    }
)


def _layout(shapes: Shapes) -> str | None:
    """It attends in full, which Sana does not, and is told no size, which PixArt-Alpha is."""
    mine = {"y_embedder.y_proj.fc1.weight", "t_block.1.weight", "blocks.0.mlp.fc1.weight"} <= shapes.keys()
    return "" if mine and "csize_embedder.mlp.0.weight" not in shapes else None


FAMILY = Family(
    name="pixart",
    title="PixArt-Sigma",
    classes=frozenset({"PixArtSigmaPipeline"}),
    pipelines=table(text_to_image="PixArtSigmaPipeline"),
    multiple=16,
    defaults=Defaults(steps=20, guidance=4.5, size=Size(1024, 1024)),
    layout=_layout,
    names=_NAMES,
    source="PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
    besides=lambda _: {"use_resolution_binning": False, "clean_caption": False},
    halves=("bfloat16",),
)
