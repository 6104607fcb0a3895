"""FLUX.1: guidance is something the model was taught, not a second pass; schnell was taught none.

A negative prompt does need a second pass. Then the guidance is that of the two passes against each
other, and the taught one is set to 1, which is none. Kontext's single file looks like dev's. Control (the models called
Canny and Depth) sees a picture to follow beside the noise.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from studio.families import ANY, Defaults, Family, Folder, Shapes, table
from studio.kinds import Size
from studio.request import Request

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
    noise="flow",
    takes=ANY | {"second picture to follow"},
    besides=_two_passes,
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
            ),
            "control": replace(
                _ONE_PASS,
                title="FLUX.1 Control",
                pipelines=table(
                    text_to_image="FluxControlPipeline",
                    image_to_image="FluxControlImg2ImgPipeline",
                    inpaint="FluxControlInpaintPipeline",
                ),
                takes=ANY,
                follows=True,
                defaults=Defaults(steps=30, guidance=10.0, size=_LARGE),
            ),
        }
    ),
)
