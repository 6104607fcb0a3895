"""Stable Diffusion 1 and models of the same architecture, Spark among them."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from studio.families import (
    INSTRUCT,
    UNET,
    Capabilities,
    Defaults,
    Detection,
    DiffusersConfigs,
    Family,
    LoraTraining,
    Shapes,
    TaskPipelines,
    by_task,
)
from studio.families._unet_keys import UNET_KEYS
from studio.parameters.request import Request
from studio.parameters.types import Size

LISTENS: Final = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
ENTRY: Final = "input_blocks.0.0.weight"
BY_CHANNELS: Final = MappingProxyType({4: "", 9: "inpaint", 8: "instruct"})
"""Variants of U-Nets by their input channels; others do not draw from a prompt alone."""

TASKS: Final = by_task(
    text_to_image="StableDiffusionPipeline",
    image_to_image="StableDiffusionImg2ImgPipeline",
    inpaint="StableDiffusionInpaintPipeline",
    controlnet="StableDiffusionControlNetPipeline",
    controlnet_image_to_image="StableDiffusionControlNetImg2ImgPipeline",
    controlnet_inpaint="StableDiffusionControlNetInpaintPipeline",
)
INPAINT_ONLY: Final = by_task(inpaint=TASKS["inpaint"], controlnet_inpaint=TASKS["controlnet-inpaint"])
INSTRUCT_ONLY: Final = by_task(instruct="StableDiffusionInstructPix2PixPipeline")


_ATTENTION: Final = r"(to_q|to_k|to_v|to_out\.0|proj_in|proj_out|ff\.net\.0\.proj|ff\.net\.2)"
TRAINING: Final = LoraTraining(
    modelspec_architecture="stable-diffusion-v1",
    kohya_base_version="sd_v1",
    attention_modules=rf".*\.attentions\.\d+(\..*)?\.{_ATTENTION}",
    other_modules=r".*\.(resnets\.\d+\.(conv1|conv2|conv_shortcut|time_emb_proj)|(down|up)samplers\.0\.conv)",
    kohya_keys=True,
)


def image_guidance(request: Request) -> dict[str, Any]:
    """The argument for how strictly the picture of an instruction is kept."""
    return {"image_guidance_scale": request.likeness}


def _by_tensors(shapes: Shapes) -> str | None:
    """A U-Net conditioned on CLIP ViT-L's 768 channels."""
    if shapes.get(LISTENS, (0, 0))[1] != 768:
        return None
    return BY_CHANNELS.get(shapes[ENTRY][1])


def _by_configs(configs: DiffusersConfigs) -> str | None:
    """The projections around attention are convolutions; in Stable Diffusion 2 they are linear."""
    if configs.get("unet", "use_linear_projection"):
        return None
    return BY_CHANNELS.get(configs.get("unet", "in_channels") or 4)


_PLAIN = Family(
    name="sd1",
    title="Stable Diffusion 1",
    source="stable-diffusion-v1-5/stable-diffusion-v1-5",
    detection=Detection(
        pipeline_classes=frozenset((*TASKS.values(), *INSTRUCT_ONLY.values())),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        state_dict_keys=UNET_KEYS,
        lora_keys=MappingProxyType({"attn2_to_[kv]": (768,)}),
        aliases=("sd1", "sdv1", "stablediffusion1", "stablediffusionv1", "v14", "v15"),
    ),
    pipelines=TaskPipelines(
        classes=TASKS,
        size_from_image=frozenset({"image-to-image", "instruct"}),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=25, guidance=7.0, size=Size(512, 512)),
        size_multiple=8,
        ays_sigmas=(14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
        supports=UNET,
        prompt_weighting=True,
    ),
    training=TRAINING,
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "inpaint": replace(
                _PLAIN,
                title="Stable Diffusion 1 for inpainting",
                source="stable-diffusion-v1-5/stable-diffusion-inpainting",
                pipelines=replace(_PLAIN.pipelines, classes=INPAINT_ONLY),
            ),
            "instruct": replace(
                _PLAIN,
                title="Stable Diffusion 1 for instructions",
                source="timbrooks/instruct-pix2pix",
                pipelines=replace(
                    _PLAIN.pipelines,
                    classes=INSTRUCT_ONLY,
                    extra_arguments=image_guidance,
                ),
                capabilities=replace(_PLAIN.capabilities, supports=INSTRUCT),
            ),
        }
    ),
)
