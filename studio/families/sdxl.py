"""Stable Diffusion XL: two text encoders, trained at about a million pixels.

Turbo and Lightning are distilled: few steps, no guidance. Their single files look like any other's;
a folder tells them by its scheduler. LCM has its guidance built into the U-Net.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from studio.families import INSTRUCTED, UNET, Defaults, Family, Folder, Shapes, table
from studio.families._unet import UNET_NAMES
from studio.families.sd1 import BY_CHANNELS, ENTRY, LESSONS, likeness
from studio.parameters.types import Size

_LABELS: Final = "label_emb.0.0.weight"
_TASKS = table(
    text_to_image="StableDiffusionXLPipeline",
    image_to_image="StableDiffusionXLImg2ImgPipeline",
    inpaint="StableDiffusionXLInpaintPipeline",
    controlnet="StableDiffusionXLControlNetPipeline",
    controlnet_image_to_image="StableDiffusionXLControlNetImg2ImgPipeline",
    controlnet_inpaint="StableDiffusionXLControlNetInpaintPipeline",
)
_INPAINT_ONLY = table(inpaint=_TASKS["inpaint"], controlnet_inpaint=_TASKS["controlnet-inpaint"])
_UNTOLD = ("controlnet-image-to-image", "controlnet-inpaint")  # which forget to tell the U-Net its guidance
_LCM = MappingProxyType({task: name for task, name in _TASKS.items() if task not in _UNTOLD})
_INSTRUCT_ONLY = table(instruct="StableDiffusionXLInstructPix2PixPipeline")


def _layout(shapes: Shapes) -> str | None:
    """Told by what its U-Net is given besides words: sizes and pooled text (2816), or the refiner's (2560)."""
    labels = shapes.get(_LABELS, (0, 0))[1]
    if labels == 2560:
        return "refiner"
    if labels != 2816 or "edm_mean" in shapes:  # with EDM's mean it is Playground, which is sampled otherwise
        return None
    return BY_CHANNELS.get(shapes[ENTRY][1])


def _folder(folder: Folder) -> str | None:
    if folder.says("unet", "time_cond_proj_dim"):
        return "lcm"
    if folder.parts.get("text_encoder") is None:
        return "refiner"
    variant = BY_CHANNELS.get(folder.says("unet", "in_channels") or 4)
    few = folder.says("scheduler", "timestep_spacing") == "trailing" and not _predicts_v(folder)
    return "turbo" if variant == "" and few else variant


def _predicts_v(folder: Folder) -> bool:
    """Then zero terminal SNR wants that spacing of steps, however many there are."""
    return bool(folder.says("scheduler", "prediction_type") == "v_prediction")


_PLAIN = Family(
    name="sdxl",
    title="Stable Diffusion XL",
    known_as=("sdxl", "stablediffusionxl", "pony", "illustrious", "noobai", "animagine"),
    classes=frozenset((*_TASKS.values(), *_INSTRUCT_ONLY.values())),
    pipelines=_TASKS,
    multiple=8,
    defaults=Defaults(steps=30, guidance=6.0, size=Size(1024, 1024)),
    layout=_layout,
    folder=_folder,
    alike=frozenset({"turbo", "lightning"}),
    source="stabilityai/stable-diffusion-xl-base-1.0",
    unsized=frozenset({"image-to-image", "instruct"}),
    takes=UNET,
    names=UNET_NAMES,
    traces=MappingProxyType(
        {"attn2_to_[kv]": (2048, 1280), r"(attentions_\d|blocks?(_\d)?_1)_transformer_blocks_[1-9]_.*": ()}
    ),
    weights=True,
    aligned=(14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
    hands_over=True,
    lessons=replace(LESSONS, architecture="stable-diffusion-xl-v1-base", version="sdxl_base_v1-0"),
)
_FEW = replace(_PLAIN, guidance=None, negative_prompt=False, besides=lambda _: {"guidance_scale": 0.0})

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "refiner": replace(
                _PLAIN,
                title="Stable Diffusion XL refiner",
                source="stabilityai/stable-diffusion-xl-refiner-1.0",
                pipelines=table(image_to_image=_TASKS["image-to-image"], inpaint=_TASKS["inpaint"]),
            ),
            "inpaint": replace(
                _PLAIN,
                title="Stable Diffusion XL for inpainting",
                source="diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
                pipelines=_INPAINT_ONLY,
            ),
            "instruct": replace(
                _PLAIN,
                title="Stable Diffusion XL for instructions",
                source="diffusers/sdxl-instructpix2pix-768",
                pipelines=_INSTRUCT_ONLY,
                besides=likeness,
                takes=INSTRUCTED,
            ),
            "turbo": replace(
                _FEW,
                title="Stable Diffusion XL Turbo",
                source="stabilityai/sdxl-turbo",
                defaults=Defaults(steps=4, guidance=0.0, size=Size(512, 512)),
            ),
            "lightning": replace(
                _FEW,
                title="Stable Diffusion XL Lightning",
                defaults=Defaults(steps=8, guidance=0.0, size=Size(1024, 1024)),
            ),
            "lcm": replace(
                _PLAIN,
                title="Stable Diffusion XL LCM",
                pipelines=_LCM,
                negative_prompt=False,
                lessons=None,
                defaults=Defaults(steps=6, guidance=8.0, size=Size(1024, 1024)),
            ),
        }
    ),
)
