"""PixArt-Sigma: a small transformer with a large text encoder."""

from typing import Final

from studio.families import Capabilities, Defaults, Detection, Family, Shapes, StateDictKeys, TaskPipelines, by_task
from studio.parameters.types import Size

BLOCKS: Final = {
    "blocks.*": "transformer_blocks.*",
    "blocks.*.attn.qkv": "transformer_blocks.*.attn1.to_{q,k,v}",
    "blocks.*.attn.proj": "transformer_blocks.*.attn1.to_out.0",
    "blocks.*.cross_attn.q_linear": "transformer_blocks.*.attn2.to_q",
    "blocks.*.cross_attn.kv_linear": "transformer_blocks.*.attn2.to_{k,v}",
    "blocks.*.cross_attn.proj": "transformer_blocks.*.attn2.to_out.0",
    "y_embedder.y_proj.fc1": "caption_projection.linear_1",
    "y_embedder.y_proj.fc2": "caption_projection.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.scale_shift_table": "scale_shift_table",
}
"""Original and diffusers' names of the modules that Sana has too."""

UNUSED: Final = ("pos_embed", "y_embedder.y_embedding", "logvar_linear")

_KEYS = StateDictKeys(
    BLOCKS
    | {
        "x_embedder": "pos_embed",
        "t_embedder.mlp.0": "adaln_single.emb.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "adaln_single.emb.timestep_embedder.linear_2",
        "t_block.1": "adaln_single.linear",
        "blocks.*.mlp.fc1": "transformer_blocks.*.ff.net.0.proj",
        "blocks.*.mlp.fc2": "transformer_blocks.*.ff.net.2",
    },
    unused=UNUSED,
)


def _by_tensors(shapes: Shapes) -> str | None:
    """It has full attention, unlike Sana, and no size embedding, unlike PixArt-Alpha."""
    mine = {"y_embedder.y_proj.fc1.weight", "t_block.1.weight", "blocks.0.mlp.fc1.weight"} <= shapes.keys()
    return "" if mine and "csize_embedder.mlp.0.weight" not in shapes else None


FAMILY = Family(
    name="pixart",
    title="PixArt-Sigma",
    source="PixArt-alpha/PixArt-Sigma-XL-2-1024-MS",
    detection=Detection(
        pipeline_classes=frozenset({"PixArtSigmaPipeline"}),
        by_tensors=_by_tensors,
        state_dict_keys=_KEYS,
        aliases=("pixart",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(text_to_image="PixArtSigmaPipeline"),
        extra_arguments=lambda _: {"use_resolution_binning": False, "clean_caption": False},
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=20, guidance=4.5, size=Size(1024, 1024)),
        size_multiple=16,
    ),
)
