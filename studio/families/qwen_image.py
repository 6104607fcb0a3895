"""Qwen-Image: guidance is a second pass, which runs only where a negative prompt is given, even an empty one."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import Capabilities, Defaults, Detection, DiffusersConfigs, Family, Shapes, TaskPipelines, by_task
from studio.parameters.types import Size


def _by_tensors(shapes: Shapes) -> str | None:
    """The original names are diffusers' own. Edit's tensors are those of the plain model; Layered has more."""
    mine = {"txt_norm.weight", "transformer_blocks.0.attn.add_q_proj.weight", "img_in.weight"} <= shapes.keys()
    return "" if mine and "time_text_embed.addition_t_embedding.weight" not in shapes else None


def _by_configs(configs: DiffusersConfigs) -> str:
    return "" if configs.pipeline_class == "QwenImagePipeline" else "edit"


_PLAIN = Family(
    name="qwen_image",
    title="Qwen-Image",
    source="Qwen/Qwen-Image",
    detection=Detection(
        pipeline_classes=frozenset({"QwenImagePipeline", "QwenImageEditPipeline", "QwenImageEditPlusPipeline"}),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        same_tensors=frozenset({"edit"}),
        lora_keys=MappingProxyType(
            {
                r"transformer_blocks_\d+_(img|txt)_m(lp|od)_.*": (),
                r"(?<!single_)transformer_blocks_[2-5]\d_attn_to_q": (3072,),
            }
        ),
        aliases=("qwen",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(
            text_to_image="QwenImagePipeline",
            image_to_image="QwenImageImg2ImgPipeline",
            inpaint="QwenImageInpaintPipeline",
            controlnet="QwenImageControlNetPipeline",
        ),
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=50, guidance=4.0, size=Size(1328, 1328)),
        size_multiple=16,
        noise="flow",
        guidance_argument="true_cfg_scale",
    ),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "edit": replace(
                _PLAIN,
                title="Qwen-Image-Edit",
                source="Qwen/Qwen-Image-Edit",
                pipelines=replace(_PLAIN.pipelines, requires="torchvision"),
            )
        }
    ),
)
