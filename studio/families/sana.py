"""Sana: linear attention on latents that are a thirty-second of the picture; Sprint needs two steps."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.kinds import Size
from studio.request import Request


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
                pipelines=table(text_to_image="SanaSprintPipeline", image_to_image="SanaSprintImg2ImgPipeline"),
                defaults=Defaults(steps=2, guidance=4.5, size=Size(1024, 1024)),
                negative_prompt=False,
                besides=_two_steps,
            )
        }
    ),
)
