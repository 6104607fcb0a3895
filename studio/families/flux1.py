"""FLUX.1: guidance is something the model was taught, not a second pass; schnell was taught none.

A negative prompt does need a second pass. Then the guidance is that of the two passes against each
other, and the taught one is set to 1, which is none. Kontext's single file looks like dev's.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from studio.families import Defaults, Family, Folder, Lessons, Shapes, table
from studio.kinds import Size
from studio.request import Request

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


_ATTENTION = r"(transformer_blocks|single_transformer_blocks)\.\d+\.attn\."
_LESSONS = Lessons(
    architecture="flux-1-dev",
    version="flux1",
    attention=_ATTENTION + r"(to_q|to_k|to_v|to_out\.0|add_q_proj|add_k_proj|add_v_proj|to_add_out)",
    more=r"transformer_blocks\.\d+\.(ff|ff_context)\.net\.(0\.proj|2)|single_transformer_blocks\.\d+\.(proj_mlp|proj_out)",
    latents="tokens",
    clock="noise",
)

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
    noise="flow",
    besides=_two_passes,
    lessons=_LESSONS,
)
_ONE_PASS = replace(_PLAIN, negative_prompt=False, besides=lambda _: {})

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "schnell": replace(
                _ONE_PASS, title="FLUX.1 schnell", guidance=None, defaults=Defaults(steps=4, guidance=0.0, size=_LARGE)
            ),
            "fill": replace(
                _ONE_PASS,
                title="FLUX.1 Fill",
                pipelines=table(inpaint="FluxFillPipeline"),
                defaults=Defaults(steps=50, guidance=30.0, size=_LARGE),
            ),
            "kontext": replace(
                _PLAIN,
                title="FLUX.1 Kontext",
                pipelines=table(text_to_image="FluxKontextPipeline", instruct="FluxKontextPipeline"),
                defaults=Defaults(steps=28, guidance=2.5, size=_LARGE),
                besides=_exact_size,
                lessons=None,
            ),
            "control": replace(
                _ONE_PASS,
                title="FLUX.1 Control",
                pipelines=table(),
                defaults=Defaults(steps=30, guidance=10.0, size=_LARGE),
            ),
        }
    ),
)
