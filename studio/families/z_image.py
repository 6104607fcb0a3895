"""Z-Image: one stream for words and picture. Turbo takes few steps and no guidance.

Its pipelines add guidance to the plain prediction instead of scaling it, so their 4 pulls as 5
does elsewhere; it is handed on as it is, since that is what the model's makers recommend by.
"""

from dataclasses import replace
from types import MappingProxyType

from studio.families import Defaults, Family, Folder, Lessons, Shapes, table
from studio.families.base.state_dict_keys import Names
from studio.parameters.types import Size


def _layout(shapes: Shapes) -> str | None:
    """It pads words and picture with tokens of its own. Turbo's tensors are those of the plain model."""
    return "" if {"x_pad_token", "cap_pad_token"} <= shapes.keys() else None


def _folder(folder: Folder) -> str:
    return "turbo" if folder.says("scheduler", "shift") == 3.0 else ""


_LESSONS = Lessons(
    architecture="z-image",
    version="z_image",
    attention=r"(layers|noise_refiner|context_refiner)\.\d+\.attention\.(to_q|to_k|to_v|to_out\.0)",
    more=r"(layers|noise_refiner|context_refiner)\.\d+\.feed_forward\.(w1|w2|w3)",
    latents="frames",
    clock="signal",
    unguided=0.0,
)
_STREAMS = ("layers", "noise_refiner", "context_refiner")
_NAMES = Names(
    {"x_embedder": "all_x_embedder.2-1", "final_layer": "all_final_layer.2-1"}
    | {f"{stream}.*.attention.qkv": f"{stream}.*.attention.to_{{q,k,v}}" for stream in _STREAMS}
    | {f"{stream}.*.attention.out": f"{stream}.*.attention.to_out.0" for stream in _STREAMS}
    | {f"{stream}.*.attention.{n}_norm": f"{stream}.*.attention.norm_{n}" for stream in _STREAMS for n in "qk"},
    unused=("norm_final",),
)

_PLAIN = Family(
    name="z_image",
    title="Z-Image",
    known_as=("zimage",),
    classes=frozenset({"ZImagePipeline"}),
    pipelines=table(
        text_to_image="ZImagePipeline", image_to_image="ZImageImg2ImgPipeline", inpaint="ZImageInpaintPipeline"
    ),
    multiple=16,
    defaults=Defaults(steps=50, guidance=4.0, size=Size(1024, 1024)),
    layout=_layout,
    names=_NAMES,
    traces=MappingProxyType({r"layers_\d+_attention_(qkv|to_[qkv])": (3840,)}),
    folder=_folder,
    alike=frozenset({"turbo"}),
    source="Tongyi-MAI/Z-Image",
    noise="flow",
    halves=("bfloat16",),
    lessons=_LESSONS,
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "turbo": replace(
                _PLAIN,
                title="Z-Image Turbo",
                source="Tongyi-MAI/Z-Image-Turbo",
                guidance=None,
                negative_prompt=False,
                besides=lambda _: {"guidance_scale": 0.0},
                defaults=Defaults(steps=9, guidance=0.0, size=Size(1024, 1024)),
            )
        }
    ),
)
