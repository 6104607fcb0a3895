"""FLUX.1: guidance is something the model was taught, not a second pass; schnell was taught none.

A negative prompt does need a second pass. Then the guidance is that of the two passes against each
other, and the taught one is set to 1, which is none. Kontext's single file looks like dev's.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.kinds import Size
from studio.request import Request

BLOCKS: Final = MappingProxyType(
    {
        "img_in": "x_embedder",
        "txt_in": "context_embedder",
        "img_attn.qkv": "attn.(to_q|to_k|to_v)",
        "img_attn.norm.query_norm": "attn.norm_q",
        "img_attn.norm.key_norm": "attn.norm_k",
        "img_attn.proj": "attn.to_out.0",
        "img_mlp.0": "ff.net.0.proj",
        "img_mlp.2": "ff.net.2",
        "txt_attn.qkv": "attn.(add_q_proj|add_k_proj|add_v_proj)",
        "txt_attn.norm.query_norm": "attn.norm_added_q",
        "txt_attn.norm.key_norm": "attn.norm_added_k",
        "txt_attn.proj": "attn.to_add_out",
        "txt_mlp.0": "ff_context.net.0.proj",
        "txt_mlp.2": "ff_context.net.2",
        "norm.query_norm": "attn.norm_q",
        "norm.key_norm": "attn.norm_k",
        "scale": "weight",
        "linear1": "(attn.to_q|attn.to_k|attn.to_v|proj_mlp)",
        "linear2": "proj_out",
        "final_layer.linear": "proj_out",
        "final_layer.adaLN_modulation.1": "norm_out.linear",
        "double_blocks": "transformer_blocks",
        "single_blocks": "single_transformer_blocks",
    }
)
"""How the tensors are called that its relatives have as well."""

_NAMES: Final = MappingProxyType(
    {
        **BLOCKS,
        "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
        "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
        "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
        "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
        "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
        "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
        "img_mod.lin": "norm1.linear",
        "txt_mod.lin": "norm1_context.linear",
        "modulation.lin": "norm.linear",
    }
)
_BY_CHANNELS = MappingProxyType({64: "", 128: "control", 384: "fill"})
_BY_CLASS = MappingProxyType(
    {
        "FluxFillPipeline": "fill",
        "FluxControlPipeline": "control",
        "FluxKontextPipeline": "kontext",
    }
)


def _layout(shapes: Shapes) -> str | None:
    """Chroma and FLUX.2 have such blocks too, but modulate them otherwise."""
    if not {"double_blocks.0.img_attn.norm.key_norm.scale", "double_blocks.0.img_mod.lin.weight"} <= shapes.keys():
        return None
    if "guidance_in.in_layer.weight" not in shapes:
        return "schnell"
    return _BY_CHANNELS.get(shapes["img_in.weight"][1])


def _folder(folder: Folder) -> str | None:
    if folder.pipeline in _BY_CLASS:
        return _BY_CLASS[folder.pipeline]
    if folder.says("transformer", "guidance_embeds") is False:
        return "schnell"
    return ""


def _two_passes(request: Request) -> dict[str, Any]:
    if not request.negative_prompt:
        return {}
    return {"true_cfg_scale": request.guidance, "guidance_scale": 1.0}


def _exact_size(request: Request) -> dict[str, Any]:
    """Else Kontext draws a million pixels whatever is asked."""
    return _two_passes(request) | {"max_area": request.width * request.height, "_auto_resize": False}


_LARGE = Size(1024, 1024)
_PLAIN = Family(
    name="flux1",
    title="FLUX.1",
    classes=frozenset({"FluxPipeline", *_BY_CLASS}),
    pipelines=table(
        text_to_image="FluxPipeline",
        image_to_image="FluxImg2ImgPipeline",
        inpaint="FluxInpaintPipeline",
        controlnet="FluxControlNetPipeline",
    ),
    multiple=16,
    defaults=Defaults(steps=28, guidance=3.5, size=_LARGE),
    layout=_layout,
    folder=_folder,
    alike=frozenset({"kontext"}),
    names=_NAMES,
    source="black-forest-labs/FLUX.1-dev",
    noise="flow",
    besides=_two_passes,
)
_ONE_PASS = replace(_PLAIN, negative_prompt=False, besides=lambda _: {})

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "schnell": replace(
                _ONE_PASS,
                title="FLUX.1 schnell",
                source="black-forest-labs/FLUX.1-schnell",
                guidance=None,
                defaults=Defaults(steps=4, guidance=0.0, size=_LARGE),
            ),
            "fill": replace(
                _ONE_PASS,
                title="FLUX.1 Fill",
                source="black-forest-labs/FLUX.1-Fill-dev",
                pipelines=table(inpaint="FluxFillPipeline"),
                defaults=Defaults(steps=50, guidance=30.0, size=_LARGE),
            ),
            "kontext": replace(
                _PLAIN,
                title="FLUX.1 Kontext",
                source="black-forest-labs/FLUX.1-Kontext-dev",
                pipelines=table(text_to_image="FluxKontextPipeline", instruct="FluxKontextPipeline"),
                defaults=Defaults(steps=28, guidance=2.5, size=_LARGE),
                besides=_exact_size,
            ),
            "control": replace(
                _ONE_PASS,
                title="FLUX.1 Control",
                source="black-forest-labs/FLUX.1-Canny-dev",
                pipelines=table(),
                defaults=Defaults(steps=30, guidance=10.0, size=_LARGE),
            ),
        }
    ),
)
