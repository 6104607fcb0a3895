"""Sana: linear attention on latents that are a thirty-second of the picture; Sprint needs two steps."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.families.base.state_dict_keys import Names
from studio.families.pixart import BLOCKS, UNUSED
from studio.parameters.request import Request
from studio.parameters.types import Size

_NAMES = Names(
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
_SPRINT_NAMES = replace(
    _NAMES,
    makers=dict(_NAMES.makers)
    | {
        "t_embedder.mlp.0": "time_embed.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "time_embed.timestep_embedder.linear_2",
        "cfg_embedder.mlp.0": "time_embed.guidance_embedder.linear_1",
        "cfg_embedder.mlp.2": "time_embed.guidance_embedder.linear_2",
    },
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
    known_as=("sana",),
    classes=frozenset({"SanaPipeline", "SanaSprintPipeline"}),
    pipelines=table(text_to_image="SanaPipeline"),
    multiple=32,
    defaults=Defaults(steps=20, guidance=4.5, size=Size(1024, 1024)),
    layout=_layout,
    names=_NAMES,
    source="Efficient-Large-Model/Sana_1600M_1024px_diffusers",
    folder=_folder,
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
