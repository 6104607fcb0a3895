"""Sana: linear attention on latents that are a thirty-second of the picture; Sprint needs two steps."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.kinds import Size
from studio.request import Request

_NAMES: Final = MappingProxyType(
    {
        "pos_embed": "",
        "y_embedder.y_embedding": "",
        "logvar_linear": "",
        "t_embedder.mlp.0": "time_embed.emb.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "time_embed.emb.timestep_embedder.linear_2",
        "t_block.1": "time_embed.linear",
        "x_embedder": "patch_embed",
        "y_embedder.y_proj.fc1": "caption_projection.linear_1",
        "y_embedder.y_proj.fc2": "caption_projection.linear_2",
        "attention_y_norm": "caption_norm",
        "cross_attn.q_linear": "attn2.to_q",
        "cross_attn.kv_linear": "attn2.(to_k|to_v)",
        "cross_attn.proj": "attn2.to_out.0",
        "cross_attn.q_norm": "attn2.norm_q",
        "cross_attn.k_norm": "attn2.norm_k",
        "attn.qkv": "attn1.(to_q|to_k|to_v)",
        "attn.proj": "attn1.to_out.0",
        "attn.q_norm": "attn1.norm_q",
        "attn.k_norm": "attn1.norm_k",
        "mlp.inverted_conv.conv": "ff.conv_inverted",
        "mlp.depth_conv.conv": "ff.conv_depth",
        "mlp.point_conv.conv": "ff.conv_point",
        "final_layer.linear": "proj_out",
        "final_layer.scale_shift_table": "scale_shift_table",
        "blocks": "transformer_blocks",
    }
)
_SPRINT_NAMES: Final = MappingProxyType(
    {
        **_NAMES,
        "t_embedder.mlp.0": "time_embed.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "time_embed.timestep_embedder.linear_2",
        "cfg_embedder.mlp.0": "time_embed.guidance_embedder.linear_1",
        "cfg_embedder.mlp.2": "time_embed.guidance_embedder.linear_2",
    }
)


def _layout(shapes: Shapes) -> str | None:
    """Video models have a patch of three dimensions; Sprint was taught its guidance."""
    mine = {"blocks.0.mlp.inverted_conv.conv.weight", "y_embedder.y_proj.fc1.weight"} <= shapes.keys()
    if not mine or len(shapes.get("x_embedder.proj.weight", ())) != 4:
        return None
    return "sprint" if "cfg_embedder.mlp.0.weight" in shapes else ""


def _folder(folder: Folder) -> str:
    return "sprint" if folder.pipeline == "SanaSprintPipeline" else ""


def _as_asked(_request: Request) -> dict[str, Any]:
    """The size as it is, not the nearest it was trained at cut to fit."""
    return {"use_resolution_binning": False}


def _two_steps(request: Request) -> dict[str, Any]:
    """The time between its steps is known for two only."""
    return _as_asked(request) | ({} if request.steps == 2 else {"intermediate_timesteps": None})


_PLAIN = Family(
    name="sana",
    title="Sana",
    classes=frozenset({"SanaPipeline", "SanaSprintPipeline"}),
    pipelines=table(text_to_image="SanaPipeline"),
    multiple=32,
    defaults=Defaults(steps=20, guidance=4.5, size=Size(1024, 1024)),
    layout=_layout,
    folder=_folder,
    names=_NAMES,
    source="Efficient-Large-Model/Sana_1600M_1024px_diffusers",
    noise="flow",
    besides=_as_asked,
    halves=("bfloat16",),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "sprint": replace(
                _PLAIN,
                title="Sana Sprint",
                names=_SPRINT_NAMES,
                source="Efficient-Large-Model/Sana_Sprint_1.6B_1024px_diffusers",
                pipelines=table(text_to_image="SanaSprintPipeline", image_to_image="SanaSprintImg2ImgPipeline"),
                defaults=Defaults(steps=2, guidance=4.5, size=Size(1024, 1024)),
                negative_prompt=False,
                besides=_two_steps,
            )
        }
    ),
)
