"""FLUX.1: guidance is an input of the distilled model, not a second pass; schnell has none.

A negative prompt does need a second pass. Then the guidance is that of the two passes, and the distilled guidance is
set to 1, which means none. Kontext's single file looks like dev's. Control (the models called Canny and Depth) takes a
picture to follow along with the noise.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

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
from studio.parameters.request import Request
from studio.parameters.types import Size

_BY_CHANNELS = MappingProxyType({64: "", 128: "control", 384: "fill"})
_BY_CLASS = MappingProxyType(
    {
        "FluxFillPipeline": "fill",
        "FluxControlPipeline": "control",
        "FluxControlImg2ImgPipeline": "control",
        "FluxControlInpaintPipeline": "control",
        "FluxKontextPipeline": "kontext",
    }
)


def _by_tensors(shapes: Shapes) -> str | None:
    """Chroma and FLUX.2 have such blocks too, with another modulation."""
    if not {"double_blocks.0.img_attn.norm.key_norm.scale", "double_blocks.0.img_mod.lin.weight"} <= shapes.keys():
        return None
    if "guidance_in.in_layer.weight" not in shapes:
        return "schnell"
    return _BY_CHANNELS.get(shapes["img_in.weight"][1])


def _by_configs(configs: DiffusersConfigs) -> str | None:
    if configs.pipeline_class in _BY_CLASS:
        return _BY_CLASS[configs.pipeline_class]
    if configs.get("transformer", "guidance_embeds") is False:
        return "schnell"
    return ""


def _two_passes(request: Request) -> dict[str, Any]:
    if not request.negative_prompt:
        return {}
    return {"true_cfg_scale": request.guidance, "guidance_scale": 1.0}


def _exact_size(request: Request) -> dict[str, Any]:
    """Without it Kontext draws a million pixels, whatever the size."""
    return _two_passes(request) | {"max_area": request.width * request.height, "_auto_resize": False}


_ATTENTION = r"(transformer_blocks|single_transformer_blocks)\.\d+\.attn\."
_TRAINING = LoraTraining(
    modelspec_architecture="flux-1-dev",
    kohya_base_version="flux1",
    attention_modules=_ATTENTION + r"(to_q|to_k|to_v|to_out\.0|add_q_proj|add_k_proj|add_v_proj|to_add_out)",
    other_modules=r"transformer_blocks\.\d+\.(ff|ff_context)\.net\.(0\.proj|2)|single_transformer_blocks\.\d+\.(proj_mlp|proj_out)",
    latent_layout="packed",
    timestep_convention="sigma",
)

BLOCKS: Final = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "double_blocks.*.img_attn.qkv": "transformer_blocks.*.attn.to_{q,k,v}",
    "double_blocks.*.img_attn.norm.query_norm": "transformer_blocks.*.attn.norm_q",
    "double_blocks.*.img_attn.norm.key_norm": "transformer_blocks.*.attn.norm_k",
    "double_blocks.*.img_attn.proj": "transformer_blocks.*.attn.to_out.0",
    "double_blocks.*.img_mlp.0": "transformer_blocks.*.ff.net.0.proj",
    "double_blocks.*.img_mlp.2": "transformer_blocks.*.ff.net.2",
    "double_blocks.*.txt_attn.qkv": "transformer_blocks.*.attn.add_{q,k,v}_proj",
    "double_blocks.*.txt_attn.norm.query_norm": "transformer_blocks.*.attn.norm_added_q",
    "double_blocks.*.txt_attn.norm.key_norm": "transformer_blocks.*.attn.norm_added_k",
    "double_blocks.*.txt_attn.proj": "transformer_blocks.*.attn.to_add_out",
    "double_blocks.*.txt_mlp.0": "transformer_blocks.*.ff_context.net.0.proj",
    "double_blocks.*.txt_mlp.2": "transformer_blocks.*.ff_context.net.2",
    "single_blocks.*.linear1": "single_transformer_blocks.*.{attn.to_q,attn.to_k,attn.to_v,proj_mlp}",
    "single_blocks.*.linear2": "single_transformer_blocks.*.proj_out",
    "single_blocks.*.norm.query_norm": "single_transformer_blocks.*.attn.norm_q",
    "single_blocks.*.norm.key_norm": "single_transformer_blocks.*.attn.norm_k",
    "final_layer.linear": "proj_out",
}
"""Original and diffusers' names of the modules that later models have too."""

LORA_KEYS: Final = MappingProxyType(
    {
        r"double_blocks_\d+_(img|txt)_attn_(qkv|proj)": (3072,),
        r"single_blocks_\d+_linear2": (15360,),
        r"single_transformer_blocks_\d+_(attn_to_[qkv]|proj_mlp)": (3072,),
    }
)
_EMBEDDERS = {"time_in": "timestep_embedder", "vector_in": "text_embedder", "guidance_in": "guidance_embedder"}
_KEYS = StateDictKeys(
    BLOCKS
    | {f"{theirs}.in_layer": f"time_text_embed.{ours}.linear_1" for theirs, ours in _EMBEDDERS.items()}
    | {f"{theirs}.out_layer": f"time_text_embed.{ours}.linear_2" for theirs, ours in _EMBEDDERS.items()}
    | {
        "double_blocks.*.img_mod.lin": "transformer_blocks.*.norm1.linear",
        "double_blocks.*.txt_mod.lin": "transformer_blocks.*.norm1_context.linear",
        "single_blocks.*.modulation.lin": "single_transformer_blocks.*.norm.linear",
        "final_layer.adaLN_modulation.1": "norm_out.linear",
    },
    swap_scale_shift=("norm_out.linear",),
)
_LARGE = Size(1024, 1024)
_PLAIN = Family(
    name="flux1",
    title="FLUX.1",
    source="black-forest-labs/FLUX.1-dev",
    detection=Detection(
        pipeline_classes=frozenset({"FluxPipeline", *_BY_CLASS}),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        same_tensors=frozenset({"kontext"}),
        state_dict_keys=_KEYS,
        lora_keys=LORA_KEYS,
        aliases=("flux1",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(
            text_to_image="FluxPipeline",
            image_to_image="FluxImg2ImgPipeline",
            inpaint="FluxInpaintPipeline",
            controlnet="FluxControlNetPipeline",
        ),
        extra_arguments=_two_passes,
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=28, guidance=3.5, size=_LARGE),
        size_multiple=16,
        noise="flow",
        supports=COMMON | {"second picture to follow"},
    ),
    training=_TRAINING,
)
_ONE_PASS = replace(
    _PLAIN,
    pipelines=replace(_PLAIN.pipelines, extra_arguments=lambda _: {}),
    capabilities=replace(_PLAIN.capabilities, negative_prompt=False),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "schnell": replace(
                _ONE_PASS,
                title="FLUX.1 schnell",
                source="black-forest-labs/FLUX.1-schnell",
                capabilities=replace(
                    _ONE_PASS.capabilities,
                    defaults=Defaults(steps=4, guidance=0.0, size=_LARGE),
                    guidance_argument=None,
                ),
            ),
            "fill": replace(
                _ONE_PASS,
                title="FLUX.1 Fill",
                source="black-forest-labs/FLUX.1-Fill-dev",
                pipelines=replace(_ONE_PASS.pipelines, classes=by_task(inpaint="FluxFillPipeline")),
                capabilities=replace(_ONE_PASS.capabilities, defaults=Defaults(steps=50, guidance=30.0, size=_LARGE)),
            ),
            "kontext": replace(
                _PLAIN,
                title="FLUX.1 Kontext",
                source="black-forest-labs/FLUX.1-Kontext-dev",
                pipelines=replace(
                    _PLAIN.pipelines,
                    classes=by_task(text_to_image="FluxKontextPipeline", instruct="FluxKontextPipeline"),
                    extra_arguments=_exact_size,
                ),
                capabilities=replace(_PLAIN.capabilities, defaults=Defaults(steps=28, guidance=2.5, size=_LARGE)),
                training=None,
            ),
            "control": replace(
                _ONE_PASS,
                title="FLUX.1 Control",
                source="black-forest-labs/FLUX.1-Canny-dev",
                pipelines=replace(
                    _ONE_PASS.pipelines,
                    classes=by_task(
                        text_to_image="FluxControlPipeline",
                        image_to_image="FluxControlImg2ImgPipeline",
                        inpaint="FluxControlInpaintPipeline",
                    ),
                ),
                capabilities=replace(
                    _ONE_PASS.capabilities,
                    defaults=Defaults(steps=30, guidance=10.0, size=_LARGE),
                    supports=COMMON,
                    needs_control_image=True,
                ),
            ),
        }
    ),
)
