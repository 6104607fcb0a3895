"""Z-Image: one stream for text and picture. Turbo takes few steps and no guidance.

Its pipelines add guidance to the plain prediction instead of scaling it, so their 4 acts as 5 does elsewhere; it is
passed on unchanged, since the model's makers recommend values by it.
"""

from dataclasses import replace
from types import MappingProxyType

from studio.families import (
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
    """It pads text and picture with learned tokens. Turbo's tensors are those of the plain model."""
    return "" if {"x_pad_token", "cap_pad_token"} <= shapes.keys() else None


def _by_configs(configs: DiffusersConfigs) -> str:
    return "turbo" if configs.get("scheduler", "shift") == 3.0 else ""


_TRAINING = LoraTraining(
    modelspec_architecture="z-image",
    kohya_base_version="z_image",
    attention_modules=r"(layers|noise_refiner|context_refiner)\.\d+\.attention\.(to_q|to_k|to_v|to_out\.0)",
    other_modules=r"(layers|noise_refiner|context_refiner)\.\d+\.feed_forward\.(w1|w2|w3)",
    latent_layout="frames",
    timestep_convention="one_minus_sigma",
    neutral_guidance=0.0,
)
_STREAMS = ("layers", "noise_refiner", "context_refiner")
_KEYS = StateDictKeys(
    {"x_embedder": "all_x_embedder.2-1", "final_layer": "all_final_layer.2-1"}
    | {f"{stream}.*.attention.qkv": f"{stream}.*.attention.to_{{q,k,v}}" for stream in _STREAMS}
    | {f"{stream}.*.attention.out": f"{stream}.*.attention.to_out.0" for stream in _STREAMS}
    | {f"{stream}.*.attention.{n}_norm": f"{stream}.*.attention.norm_{n}" for stream in _STREAMS for n in "qk"},
    unused=("norm_final",),
)

_PLAIN = Family(
    name="z_image",
    title="Z-Image",
    source="Tongyi-MAI/Z-Image",
    detection=Detection(
        pipeline_classes=frozenset({"ZImagePipeline"}),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        same_tensors=frozenset({"turbo"}),
        state_dict_keys=_KEYS,
        lora_keys=MappingProxyType({r"layers_\d+_attention_(qkv|to_[qkv])": (3840,)}),
        aliases=("zimage",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(
            text_to_image="ZImagePipeline", image_to_image="ZImageImg2ImgPipeline", inpaint="ZImageInpaintPipeline"
        ),
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=50, guidance=4.0, size=Size(1024, 1024)),
        size_multiple=16,
        noise="flow",
    ),
    training=_TRAINING,
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "turbo": replace(
                _PLAIN,
                title="Z-Image Turbo",
                source="Tongyi-MAI/Z-Image-Turbo",
                pipelines=replace(_PLAIN.pipelines, extra_arguments=lambda _: {"guidance_scale": 0.0}),
                capabilities=replace(
                    _PLAIN.capabilities,
                    defaults=Defaults(steps=9, guidance=0.0, size=Size(1024, 1024)),
                    guidance_argument=None,
                    negative_prompt=False,
                ),
            )
        }
    ),
)
