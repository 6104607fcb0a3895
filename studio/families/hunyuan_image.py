"""HunyuanImage 2.1: four million pixels; its guider is a component of the model's folder."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import (
    Capabilities,
    Defaults,
    Detection,
    DiffusersConfigs,
    Family,
    Shapes,
    StateDictKeys,
    TaskPipelines,
    by_task,
)
from studio.parameters.types import Size

_REFINER = "txt_in.individual_token_refiner.blocks.*", "context_embedder.token_refiner.refiner_blocks.*"
_SINGLE = "single_blocks.*", "single_transformer_blocks.*"
_STREAMS = {
    "img": ("to_{}", "norm_{}", "to_out.0", "ff", "norm1"),
    "txt": ("add_{}_proj", "norm_added_{}", "to_add_out", "ff_context", "norm1_context"),
}


def _stream(name: str, attends: str, norm: str, out: str, feeds: str, modulated: str) -> dict[str, str]:
    """Some files have queries, keys and values in one tensor, some in three."""
    theirs, ours = f"double_blocks.*.{name}", "transformer_blocks.*"
    return {
        f"{theirs}_mod": f"{ours}.{modulated}",
        f"{theirs}_attn_qkv": f"{ours}.attn.{attends.format('{q,k,v}')}",
        f"{theirs}_attn_proj": f"{ours}.attn.{out}",
        f"{theirs}_mlp.fc1": f"{ours}.{feeds}.net.0.proj",
        f"{theirs}_mlp.fc2": f"{ours}.{feeds}.net.2",
        **{f"{theirs}_attn_{n}": f"{ours}.attn.{attends.format(n)}" for n in "qkv"},
        **{f"{theirs}_attn_{n}_norm": f"{ours}.attn.{norm.format(n)}" for n in "qk"},
    }


_KEYS = StateDictKeys(
    {
        "img_in": "x_embedder",
        "txt_in.input_embedder": "context_embedder.proj_in",
        "txt_in.t_embedder.mlp.0": "context_embedder.time_text_embed.timestep_embedder.linear_1",
        "txt_in.t_embedder.mlp.2": "context_embedder.time_text_embed.timestep_embedder.linear_2",
        "txt_in.c_embedder": "context_embedder.time_text_embed.text_embedder",
        _REFINER[0]: _REFINER[1],
        f"{_REFINER[0]}.self_attn_qkv": f"{_REFINER[1]}.attn.to_{{q,k,v}}",
        f"{_REFINER[0]}.self_attn_proj": f"{_REFINER[1]}.attn.to_out.0",
        f"{_REFINER[0]}.mlp.fc1": f"{_REFINER[1]}.ff.net.0.proj",
        f"{_REFINER[0]}.mlp.fc2": f"{_REFINER[1]}.ff.net.2",
        f"{_REFINER[0]}.adaLN_modulation.1": f"{_REFINER[1]}.norm_out.linear",
        "byt5_in.layernorm": "context_embedder_2.norm",
        "time_in.mlp.0": "time_guidance_embed.timestep_embedder.linear_1",
        "time_in.mlp.2": "time_guidance_embed.timestep_embedder.linear_2",
        "time_r_in.mlp.0": "time_guidance_embed.timestep_embedder_r.linear_1",
        "time_r_in.mlp.2": "time_guidance_embed.timestep_embedder_r.linear_2",
        "guidance_in.mlp.0": "time_guidance_embed.guidance_embedder.linear_1",
        "guidance_in.mlp.2": "time_guidance_embed.guidance_embedder.linear_2",
        f"{_SINGLE[0]}.modulation": f"{_SINGLE[1]}.norm",
        f"{_SINGLE[0]}.linear1": f"{_SINGLE[1]}.{{attn.to_q,attn.to_k,attn.to_v,proj_mlp}}",
        f"{_SINGLE[0]}.linear1_mlp": f"{_SINGLE[1]}.proj_mlp",
        f"{_SINGLE[0]}.linear2": f"{_SINGLE[1]}.proj_out",
        f"{_SINGLE[0]}.linear2.fc": f"{_SINGLE[1]}.proj_out",
        "final_layer.linear": "proj_out",
        "final_layer.adaLN_modulation.1": "norm_out.linear",
    }
    | {f"byt5_in.fc{n}": f"context_embedder_2.linear_{n}" for n in "123"}
    | {f"{_SINGLE[0]}.linear1_{n}": f"{_SINGLE[1]}.attn.to_{n}" for n in "qkv"}
    | {f"{_SINGLE[0]}.{n}_norm": f"{_SINGLE[1]}.attn.norm_{n}" for n in "qk"}
    | {theirs: ours for name, parts in _STREAMS.items() for theirs, ours in _stream(name, *parts).items()},
    swap_scale_shift=("norm_out.linear",),
)


def _by_tensors(shapes: Shapes) -> str | None:
    """Pictures have patches of two dimensions, videos of three; the distilled model has a guidance embedding."""
    mine = "txt_in.individual_token_refiner.blocks.0.norm1.weight" in shapes
    if not mine or len(shapes.get("img_in.proj.weight", ())) != 4:
        return None
    return "distilled" if "guidance_in.mlp.0.weight" in shapes or "guidance_in.in_layer.weight" in shapes else ""


def _by_configs(configs: DiffusersConfigs) -> str:
    return "distilled" if configs.get("transformer", "guidance_embeds") else ""


_PLAIN = Family(
    name="hunyuan_image",
    title="HunyuanImage 2.1",
    source="hunyuanvideo-community/HunyuanImage-2.1-Diffusers",
    detection=Detection(
        pipeline_classes=frozenset({"HunyuanImagePipeline"}),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        state_dict_keys=_KEYS,
        aliases=("hunyuanimage",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(text_to_image="HunyuanImagePipeline"),
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=50, guidance=3.5, size=Size(2048, 2048)),
        size_multiple=32,
        noise="flow",
        guidance_argument=None,
    ),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "distilled": replace(
                _PLAIN,
                title="HunyuanImage 2.1 distilled",
                source="hunyuanvideo-community/HunyuanImage-2.1-Distilled-Diffusers",
                capabilities=replace(
                    _PLAIN.capabilities,
                    defaults=Defaults(steps=8, guidance=3.25, size=Size(2048, 2048)),
                    guidance_argument="distilled_guidance_scale",
                    negative_prompt=False,
                ),
            )
        }
    ),
)
