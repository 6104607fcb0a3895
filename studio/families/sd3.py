"""Stable Diffusion 3 and 3.5: a transformer, flow matching, three text encoders."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import (
    COMMON,
    Capabilities,
    Defaults,
    Detection,
    DiffusersConfigs,
    Family,
    LoraTraining,
    Shapes,
    StateDictKeys,
    TaskPipelines,
    by_task,
)
from studio.parameters.types import Size


def _by_tensors(shapes: Shapes) -> str | None:
    """The positional embedding is the square of the largest picture's side: 192 patches, or 384 in 3.5 medium."""
    if "joint_blocks.0.context_block.adaLN_modulation.1.weight" not in shapes:
        return None
    if "joint_blocks.0.x_block.attn.ln_q.weight" not in shapes:
        return ""
    return "3.5-medium" if "joint_blocks.0.x_block.attn2.ln_q.weight" in shapes else "3.5-large"


def _by_configs(configs: DiffusersConfigs) -> str:
    if not configs.get("transformer", "qk_norm"):
        return ""
    return "3.5-medium" if configs.get("transformer", "dual_attention_layers") else "3.5-large"


TRAINING = LoraTraining(
    modelspec_architecture="stable-diffusion-3",
    kohya_base_version="sd3",
    attention_modules=r"transformer_blocks\.\d+\.attn2?\.(to_q|to_k|to_v|to_out\.0|add_q_proj|add_k_proj|add_v_proj|to_add_out)",
    other_modules=r"transformer_blocks\.\d+\.(ff|ff_context)\.net\.(0\.proj|2)",
)
_KEYS = StateDictKeys(
    {
        "context_embedder": "context_embedder",
        "pos_embed": "pos_embed.pos_embed",
        "x_embedder.proj": "pos_embed.proj",
        "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
        "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
        "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
        "joint_blocks.*.x_block.adaLN_modulation.1": "transformer_blocks.*.norm1.linear",
        "joint_blocks.*.x_block.attn.qkv": "transformer_blocks.*.attn.to_{q,k,v}",
        "joint_blocks.*.x_block.attn.ln_q": "transformer_blocks.*.attn.norm_q",
        "joint_blocks.*.x_block.attn.ln_k": "transformer_blocks.*.attn.norm_k",
        "joint_blocks.*.x_block.attn.proj": "transformer_blocks.*.attn.to_out.0",
        "joint_blocks.*.x_block.attn2.qkv": "transformer_blocks.*.attn2.to_{q,k,v}",
        "joint_blocks.*.x_block.attn2.ln_q": "transformer_blocks.*.attn2.norm_q",
        "joint_blocks.*.x_block.attn2.ln_k": "transformer_blocks.*.attn2.norm_k",
        "joint_blocks.*.x_block.attn2.proj": "transformer_blocks.*.attn2.to_out.0",
        "joint_blocks.*.x_block.mlp.fc1": "transformer_blocks.*.ff.net.0.proj",
        "joint_blocks.*.x_block.mlp.fc2": "transformer_blocks.*.ff.net.2",
        "joint_blocks.*.context_block.adaLN_modulation.1": "transformer_blocks.*.norm1_context.linear",
        "joint_blocks.*.context_block.attn.qkv": "transformer_blocks.*.attn.add_{q,k,v}_proj",
        "joint_blocks.*.context_block.attn.ln_q": "transformer_blocks.*.attn.norm_added_q",
        "joint_blocks.*.context_block.attn.ln_k": "transformer_blocks.*.attn.norm_added_k",
        "joint_blocks.*.context_block.attn.proj": "transformer_blocks.*.attn.to_add_out",
        "joint_blocks.*.context_block.mlp.fc1": "transformer_blocks.*.ff_context.net.0.proj",
        "joint_blocks.*.context_block.mlp.fc2": "transformer_blocks.*.ff_context.net.2",
        "final_layer.adaLN_modulation.1": "norm_out.linear",
        "final_layer.linear": "proj_out",
    },
    swap_scale_shift=("norm_out.linear", "transformer_blocks.*.norm1_context.linear"),
)

_PLAIN = Family(
    name="sd3",
    title="Stable Diffusion 3",
    source="stabilityai/stable-diffusion-3-medium-diffusers",
    detection=Detection(
        pipeline_classes=frozenset({"StableDiffusion3Pipeline"}),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        state_dict_keys=_KEYS,
        lora_keys=MappingProxyType(
            {"joint_blocks_.*": (), r"(?<!single_)transformer_blocks_\d+_attn_(to|add)_q(_proj)?": (1536, 2432)}
        ),
        aliases=("sd3", "sdv3", "stablediffusion3", "stablediffusionv3"),
    ),
    pipelines=TaskPipelines(
        classes=by_task(
            text_to_image="StableDiffusion3Pipeline",
            image_to_image="StableDiffusion3Img2ImgPipeline",
            inpaint="StableDiffusion3InpaintPipeline",
            controlnet="StableDiffusion3ControlNetPipeline",
        ),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=28, guidance=7.0, size=Size(1024, 1024)),
        size_multiple=16,
        noise="flow",
        supports=COMMON | {"second picture to follow"},
    ),
    training=TRAINING,
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "3.5-medium": replace(
                _PLAIN,
                title="Stable Diffusion 3.5 medium",
                source="stabilityai/stable-diffusion-3.5-medium",
                capabilities=replace(
                    _PLAIN.capabilities, defaults=Defaults(steps=40, guidance=4.5, size=Size(1024, 1024))
                ),
            ),
            "3.5-large": replace(
                _PLAIN,
                title="Stable Diffusion 3.5 large",
                source="stabilityai/stable-diffusion-3.5-large",
                capabilities=replace(
                    _PLAIN.capabilities, defaults=Defaults(steps=28, guidance=3.5, size=Size(1024, 1024))
                ),
            ),
        }
    ),
)
