"""HunyuanImage 2.1: four million pixels; its guidance is a part of the model's folder and comes with it."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.kinds import Size

_NAMES: Final = MappingProxyType(
    {
        "img_in": "x_embedder",
        "txt_in.input_embedder": "context_embedder.proj_in",
        "txt_in.t_embedder.mlp.0": "context_embedder.time_text_embed.timestep_embedder.linear_1",
        "txt_in.t_embedder.mlp.2": "context_embedder.time_text_embed.timestep_embedder.linear_2",
        "txt_in.c_embedder": "context_embedder.time_text_embed.text_embedder",
        "txt_in.individual_token_refiner.blocks": "context_embedder.token_refiner.refiner_blocks",
        "self_attn_qkv": "attn.(to_q|to_k|to_v)",
        "self_attn_proj": "attn.to_out.0",
        "byt5_in.layernorm": "context_embedder_2.norm",
        "byt5_in.fc1": "context_embedder_2.linear_1",
        "byt5_in.fc2": "context_embedder_2.linear_2",
        "byt5_in.fc3": "context_embedder_2.linear_3",
        "time_in.mlp.0": "time_guidance_embed.timestep_embedder.linear_1",
        "time_in.mlp.2": "time_guidance_embed.timestep_embedder.linear_2",
        "time_r_in.mlp.0": "time_guidance_embed.timestep_embedder_r.linear_1",
        "time_r_in.mlp.2": "time_guidance_embed.timestep_embedder_r.linear_2",
        "guidance_in.mlp.0": "time_guidance_embed.guidance_embedder.linear_1",
        "guidance_in.mlp.2": "time_guidance_embed.guidance_embedder.linear_2",
        "img_mod": "norm1",
        "img_attn_qkv": "attn.(to_q|to_k|to_v)",
        "img_attn_q": "attn.to_q",
        "img_attn_k": "attn.to_k",
        "img_attn_v": "attn.to_v",
        "img_attn_q_norm": "attn.norm_q",
        "img_attn_k_norm": "attn.norm_k",
        "img_attn_proj": "attn.to_out.0",
        "img_mlp": "mlp",
        "txt_mod": "norm1_context",
        "txt_attn_qkv": "attn.(add_q_proj|add_k_proj|add_v_proj)",
        "txt_attn_q": "attn.add_q_proj",
        "txt_attn_k": "attn.add_k_proj",
        "txt_attn_v": "attn.add_v_proj",
        "txt_attn_q_norm": "attn.norm_added_q",
        "txt_attn_k_norm": "attn.norm_added_k",
        "txt_attn_proj": "attn.to_add_out",
        "txt_mlp.fc1": "ff_context.net.0.proj",
        "txt_mlp.fc2": "ff_context.net.2",
        "mlp.fc1": "ff.net.0.proj",
        "mlp.fc2": "ff.net.2",
        "single_blocks.*.modulation": "single_blocks.*.norm",
        "single_blocks.*.q_norm": "single_blocks.*.attn.norm_q",
        "single_blocks.*.k_norm": "single_blocks.*.attn.norm_k",
        "linear1": "(attn.to_q|attn.to_k|attn.to_v|proj_mlp)",
        "linear1_q": "attn.to_q",
        "linear1_k": "attn.to_k",
        "linear1_v": "attn.to_v",
        "linear1_mlp": "proj_mlp",
        "linear2.fc": "proj_out",
        "linear2": "proj_out",
        "final_layer.linear": "proj_out",
        "final_layer.adaLN_modulation.1": "norm_out.linear",
        "adaLN_modulation.1": "norm_out.linear",
        "double_blocks": "transformer_blocks",
        "single_blocks": "single_transformer_blocks",
    }
)
"""Some files have queries, keys and values in one tensor, some apart."""


def _layout(shapes: Shapes) -> str | None:
    """Pictures have patches of two dimensions, videos of three; the distilled model was taught its guidance."""
    mine = "txt_in.individual_token_refiner.blocks.0.norm1.weight" in shapes
    if not mine or len(shapes.get("img_in.proj.weight", ())) != 4:
        return None
    return "distilled" if "guidance_in.mlp.0.weight" in shapes or "guidance_in.in_layer.weight" in shapes else ""


def _folder(folder: Folder) -> str:
    return "distilled" if folder.says("transformer", "guidance_embeds") else ""


_PLAIN = Family(
    name="hunyuan_image",
    title="HunyuanImage 2.1",
    classes=frozenset({"HunyuanImagePipeline"}),
    pipelines=table(text_to_image="HunyuanImagePipeline"),
    multiple=32,
    defaults=Defaults(steps=50, guidance=3.5, size=Size(2048, 2048)),
    layout=_layout,
    folder=_folder,
    names=_NAMES,
    source="hunyuanvideo-community/HunyuanImage-2.1-Diffusers",
    noise="flow",
    guidance=None,
    halves=("bfloat16",),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "distilled": replace(
                _PLAIN,
                title="HunyuanImage 2.1 distilled",
                source="hunyuanvideo-community/HunyuanImage-2.1-Distilled-Diffusers",
                defaults=Defaults(steps=8, guidance=3.25, size=Size(2048, 2048)),
                guidance="distilled_guidance_scale",
                negative_prompt=False,
            )
        }
    ),
)
