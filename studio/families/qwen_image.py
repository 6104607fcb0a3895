"""Qwen-Image: guidance is a second pass, which runs only where a negative prompt is given, be it empty."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.parameters.types import Size


def _layout(shapes: Shapes) -> str | None:
    """The names are diffusers' own. Edit's tensors are those of the plain model; Layered's are more."""
    mine = {"txt_norm.weight", "transformer_blocks.0.attn.add_q_proj.weight", "img_in.weight"} <= shapes.keys()
    return "" if mine and "time_text_embed.addition_t_embedding.weight" not in shapes else None


def _folder(folder: Folder) -> str:
    return "" if folder.pipeline == "QwenImagePipeline" else "edit"


_PLAIN = Family(
    name="qwen_image",
    title="Qwen-Image",
    known_as=("qwen",),
    classes=frozenset({"QwenImagePipeline", "QwenImageEditPipeline", "QwenImageEditPlusPipeline"}),
    pipelines=table(
        text_to_image="QwenImagePipeline",
        image_to_image="QwenImageImg2ImgPipeline",
        inpaint="QwenImageInpaintPipeline",
        controlnet="QwenImageControlNetPipeline",
    ),
    multiple=16,
    defaults=Defaults(steps=50, guidance=4.0, size=Size(1328, 1328)),
    layout=_layout,
    traces=MappingProxyType(
        {
            r"transformer_blocks_\d+_(img|txt)_m(lp|od)_.*": (),
            r"(?<!single_)transformer_blocks_[2-5]\d_attn_to_q": (3072,),
        }
    ),
    folder=_folder,
    alike=frozenset({"edit"}),
    source="Qwen/Qwen-Image",
    noise="flow",
    guidance="true_cfg_scale",
    halves=("bfloat16",),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {"edit": replace(_PLAIN, title="Qwen-Image-Edit", source="Qwen/Qwen-Image-Edit", needs="torchvision")}
    ),
)
