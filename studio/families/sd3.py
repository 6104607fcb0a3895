"""Stable Diffusion 3 and 3.5: a transformer, flow matching, three text encoders."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.kinds import Size

_NAMES: Final = MappingProxyType(
    {
        "pos_embed": "pos_embed.pos_embed",
        "x_embedder": "pos_embed",
        "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
        "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
        "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
        "x_block.attn.qkv": "attn.(to_q|to_k|to_v)",
        "x_block.attn.ln_q": "attn.norm_q",
        "x_block.attn.ln_k": "attn.norm_k",
        "x_block.attn.proj": "attn.to_out.0",
        "x_block.attn2.qkv": "attn2.(to_q|to_k|to_v)",
        "x_block.attn2.ln_q": "attn2.norm_q",
        "x_block.attn2.ln_k": "attn2.norm_k",
        "x_block.attn2.proj": "attn2.to_out.0",
        "x_block.adaLN_modulation.1": "norm1.linear",
        "x_block.mlp.fc1": "ff.net.0.proj",
        "x_block.mlp.fc2": "ff.net.2",
        "context_block.attn.qkv": "attn.(add_q_proj|add_k_proj|add_v_proj)",
        "context_block.attn.ln_q": "attn.norm_added_q",
        "context_block.attn.ln_k": "attn.norm_added_k",
        "context_block.attn.proj": "attn.to_add_out",
        "context_block.adaLN_modulation.1": "norm1_context.linear",
        "context_block.mlp.fc1": "ff_context.net.0.proj",
        "context_block.mlp.fc2": "ff_context.net.2",
        "final_layer.linear": "proj_out",
        "final_layer.adaLN_modulation.1": "norm_out.linear",
        "joint_blocks": "transformer_blocks",
    }
)


def _layout(shapes: Shapes) -> str | None:
    """The table of positions has the edge of the largest picture squared: 192 patches, or 3.5 medium's 384."""
    if "joint_blocks.0.context_block.adaLN_modulation.1.weight" not in shapes:
        return None
    if "joint_blocks.0.x_block.attn.ln_q.weight" not in shapes:
        return ""
    return "3.5-medium" if "joint_blocks.0.x_block.attn2.ln_q.weight" in shapes else "3.5-large"


def _folder(folder: Folder) -> str:
    if not folder.says("transformer", "qk_norm"):
        return ""
    return "3.5-medium" if folder.says("transformer", "dual_attention_layers") else "3.5-large"


_PLAIN = Family(
    name="sd3",
    title="Stable Diffusion 3",
    classes=frozenset({"StableDiffusion3Pipeline"}),
    pipelines=table(
        text_to_image="StableDiffusion3Pipeline",
        image_to_image="StableDiffusion3Img2ImgPipeline",
        inpaint="StableDiffusion3InpaintPipeline",
        controlnet="StableDiffusion3ControlNetPipeline",
    ),
    multiple=16,
    defaults=Defaults(steps=28, guidance=7.0, size=Size(1024, 1024)),
    layout=_layout,
    folder=_folder,
    names=_NAMES,
    source="stabilityai/stable-diffusion-3-medium-diffusers",
    noise="flow",
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "3.5-medium": replace(
                _PLAIN,
                title="Stable Diffusion 3.5 medium",
                source="stabilityai/stable-diffusion-3.5-medium",
                defaults=Defaults(steps=40, guidance=4.5, size=Size(1024, 1024)),
            ),
            "3.5-large": replace(
                _PLAIN,
                title="Stable Diffusion 3.5 large",
                source="stabilityai/stable-diffusion-3.5-large",
                defaults=Defaults(steps=28, guidance=3.5, size=Size(1024, 1024)),
            ),
        }
    ),
)
