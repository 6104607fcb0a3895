"""Sana: linear attention on latents of a thirty-second of the picture's size; Sprint needs two steps."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

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
from studio.families.pixart import BLOCKS, UNUSED
from studio.parameters.request import Request
from studio.parameters.types import Size

_KEYS = StateDictKeys(
    BLOCKS
    | {
        "x_embedder": "patch_embed",
        "t_embedder.mlp.0": "time_embed.emb.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "time_embed.emb.timestep_embedder.linear_2",
        "t_block.1": "time_embed.linear",
        "attention_y_norm": "caption_norm",
    }
    | {f"blocks.*.attn.{n}_norm": f"transformer_blocks.*.attn1.norm_{n}" for n in "qk"}
    | {f"blocks.*.cross_attn.{n}_norm": f"transformer_blocks.*.attn2.norm_{n}" for n in "qk"}
    | {f"blocks.*.mlp.{n}_conv.conv": f"transformer_blocks.*.ff.conv_{n}" for n in ("inverted", "depth", "point")},
    unused=UNUSED,
)
_SPRINT_KEYS = replace(
    _KEYS,
    original=dict(_KEYS.original)
    | {
        "t_embedder.mlp.0": "time_embed.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "time_embed.timestep_embedder.linear_2",
        "cfg_embedder.mlp.0": "time_embed.guidance_embedder.linear_1",
        "cfg_embedder.mlp.2": "time_embed.guidance_embedder.linear_2",
    },
)


def _by_tensors(shapes: Shapes) -> str | None:
    """Video models have patches of three dimensions; Sprint has a guidance embedding."""
    mine = {"blocks.0.mlp.inverted_conv.conv.weight", "y_embedder.y_proj.fc1.weight"} <= shapes.keys()
    if not mine or len(shapes.get("x_embedder.proj.weight", ())) != 4:
        return None
    return "sprint" if "cfg_embedder.mlp.0.weight" in shapes else ""


def _by_configs(configs: DiffusersConfigs) -> str:
    return "sprint" if configs.pipeline_class == "SanaSprintPipeline" else ""


def _as_asked(_request: Request) -> dict[str, Any]:
    """The requested size, not the nearest trained one cropped to fit."""
    return {"use_resolution_binning": False}


def _two_steps(request: Request) -> dict[str, Any]:
    """Intermediate timesteps are known for two steps only."""
    return _as_asked(request) | ({} if request.steps == 2 else {"intermediate_timesteps": None})


_PLAIN = Family(
    name="sana",
    title="Sana",
    source="Efficient-Large-Model/Sana_1600M_1024px_diffusers",
    detection=Detection(
        pipeline_classes=frozenset({"SanaPipeline", "SanaSprintPipeline"}),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        state_dict_keys=_KEYS,
        aliases=("sana",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(text_to_image="SanaPipeline"),
        extra_arguments=_as_asked,
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=20, guidance=4.5, size=Size(1024, 1024)),
        size_multiple=32,
        noise="flow",
    ),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "sprint": replace(
                _PLAIN,
                title="Sana Sprint",
                source="Efficient-Large-Model/Sana_Sprint_1.6B_1024px_diffusers",
                detection=replace(_PLAIN.detection, state_dict_keys=_SPRINT_KEYS),
                pipelines=replace(
                    _PLAIN.pipelines,
                    classes=by_task(text_to_image="SanaSprintPipeline", image_to_image="SanaSprintImg2ImgPipeline"),
                    extra_arguments=_two_steps,
                ),
                capabilities=replace(
                    _PLAIN.capabilities,
                    defaults=Defaults(steps=2, guidance=4.5, size=Size(1024, 1024)),
                    negative_prompt=False,
                ),
            )
        }
    ),
)
