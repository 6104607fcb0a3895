"""HunyuanImage 2.1: four million pixels; its guidance is a part of the model's folder and comes with it."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.kinds import Size


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
    known_as=("hunyuanimage",),
    classes=frozenset({"HunyuanImagePipeline"}),
    pipelines=table(text_to_image="HunyuanImagePipeline"),
    multiple=32,
    defaults=Defaults(steps=50, guidance=3.5, size=Size(2048, 2048)),
    layout=_layout,
    folder=_folder,
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
                defaults=Defaults(steps=8, guidance=3.25, size=Size(2048, 2048)),
                guidance="distilled_guidance_scale",
                negative_prompt=False,
            )
        }
    ),
)
