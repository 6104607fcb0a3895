"""Stable Diffusion XL: two text encoders, trained at about a million pixels.

Turbo and Lightning are distilled: few steps, no guidance. Their single files look like any other SDXL file; a folder is
recognised by its scheduler. LCM has its guidance built into the U-Net.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from studio.families import (
    INSTRUCT,
    UNET,
    Capabilities,
    Defaults,
    Detection,
    DiffusersConfigs,
    Family,
    Shapes,
    TaskPipelines,
    by_task,
)
from studio.families._unet_keys import UNET_KEYS
from studio.families.sd1 import BY_CHANNELS, ENTRY, TRAINING, image_guidance
from studio.parameters.types import Size

_LABELS: Final = "label_emb.0.0.weight"
_TASKS = by_task(
    text_to_image="StableDiffusionXLPipeline",
    image_to_image="StableDiffusionXLImg2ImgPipeline",
    inpaint="StableDiffusionXLInpaintPipeline",
    controlnet="StableDiffusionXLControlNetPipeline",
    controlnet_image_to_image="StableDiffusionXLControlNetImg2ImgPipeline",
    controlnet_inpaint="StableDiffusionXLControlNetInpaintPipeline",
)
_INPAINT_ONLY = by_task(inpaint=_TASKS["inpaint"], controlnet_inpaint=_TASKS["controlnet-inpaint"])
_WITHOUT_GUIDANCE = (
    "controlnet-image-to-image",
    "controlnet-inpaint",
)  # they do not pass it to the U-Net
_LCM = MappingProxyType({task: name for task, name in _TASKS.items() if task not in _WITHOUT_GUIDANCE})
_INSTRUCT_ONLY = by_task(instruct="StableDiffusionXLInstructPix2PixPipeline")


def _by_tensors(shapes: Shapes) -> str | None:
    """Recognised by the U-Net's added conditioning: sizes and pooled text (2816), or the refiner's (2560)."""
    labels = shapes.get(_LABELS, (0, 0))[1]
    if labels == 2560:
        return "refiner"
    if labels != 2816 or "edm_mean" in shapes:  # with an EDM mean it is Playground, which needs another sampler
        return None
    return BY_CHANNELS.get(shapes[ENTRY][1])


def _by_configs(configs: DiffusersConfigs) -> str | None:
    if configs.get("unet", "time_cond_proj_dim"):
        return "lcm"
    if configs.components.get("text_encoder") is None:
        return "refiner"
    variant = BY_CHANNELS.get(configs.get("unet", "in_channels") or 4)
    few = configs.get("scheduler", "timestep_spacing") == "trailing" and not _predicts_v(configs)
    return "turbo" if variant == "" and few else variant


def _predicts_v(configs: DiffusersConfigs) -> bool:
    """Zero terminal SNR needs trailing spacing, however many steps there are."""
    return bool(configs.get("scheduler", "prediction_type") == "v_prediction")


_PLAIN = Family(
    name="sdxl",
    title="Stable Diffusion XL",
    source="stabilityai/stable-diffusion-xl-base-1.0",
    detection=Detection(
        pipeline_classes=frozenset((*_TASKS.values(), *_INSTRUCT_ONLY.values())),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        same_tensors=frozenset({"turbo", "lightning"}),
        state_dict_keys=UNET_KEYS,
        lora_keys=MappingProxyType(
            {"attn2_to_[kv]": (2048, 1280), r"(attentions_\d|blocks?(_\d)?_1)_transformer_blocks_[1-9]_.*": ()}
        ),
        aliases=("sdxl", "stablediffusionxl", "pony", "illustrious", "noobai", "animagine"),
    ),
    pipelines=TaskPipelines(
        classes=_TASKS,
        size_from_image=frozenset({"image-to-image", "instruct"}),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=30, guidance=6.0, size=Size(1024, 1024)),
        size_multiple=8,
        ays_sigmas=(14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
        supports=UNET,
        split_denoising=True,
        prompt_weighting=True,
    ),
    training=replace(
        TRAINING, modelspec_architecture="stable-diffusion-xl-v1-base", kohya_base_version="sdxl_base_v1-0"
    ),
)
_FEW = replace(
    _PLAIN,
    pipelines=replace(_PLAIN.pipelines, extra_arguments=lambda _: {"guidance_scale": 0.0}),
    capabilities=replace(
        _PLAIN.capabilities,
        guidance_argument=None,
        negative_prompt=False,
    ),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "refiner": replace(
                _PLAIN,
                title="Stable Diffusion XL refiner",
                source="stabilityai/stable-diffusion-xl-refiner-1.0",
                pipelines=replace(
                    _PLAIN.pipelines,
                    classes=by_task(image_to_image=_TASKS["image-to-image"], inpaint=_TASKS["inpaint"]),
                ),
            ),
            "inpaint": replace(
                _PLAIN,
                title="Stable Diffusion XL for inpainting",
                source="diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
                pipelines=replace(_PLAIN.pipelines, classes=_INPAINT_ONLY),
            ),
            "instruct": replace(
                _PLAIN,
                title="Stable Diffusion XL for instructions",
                source="diffusers/sdxl-instructpix2pix-768",
                pipelines=replace(
                    _PLAIN.pipelines,
                    classes=_INSTRUCT_ONLY,
                    extra_arguments=image_guidance,
                ),
                capabilities=replace(_PLAIN.capabilities, supports=INSTRUCT),
            ),
            "turbo": replace(
                _FEW,
                title="Stable Diffusion XL Turbo",
                source="stabilityai/sdxl-turbo",
                capabilities=replace(_FEW.capabilities, defaults=Defaults(steps=4, guidance=0.0, size=Size(512, 512))),
            ),
            "lightning": replace(
                _FEW,
                title="Stable Diffusion XL Lightning",
                capabilities=replace(
                    _FEW.capabilities, defaults=Defaults(steps=8, guidance=0.0, size=Size(1024, 1024))
                ),
            ),
            "lcm": replace(
                _PLAIN,
                title="Stable Diffusion XL LCM",
                pipelines=replace(_PLAIN.pipelines, classes=_LCM),
                capabilities=replace(
                    _PLAIN.capabilities,
                    defaults=Defaults(steps=6, guidance=8.0, size=Size(1024, 1024)),
                    negative_prompt=False,
                ),
                training=None,
            ),
        }
    ),
)
