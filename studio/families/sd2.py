"""Stable Diffusion 2: conditioned on OpenCLIP; its larger models predict velocities.

In a single file, a norm's bias tells v-prediction from noise prediction: it has a larger spread in the larger model,
the plain variant; "base" is the smaller one, which predicts noise. The bound is ComfyUI's.
"""

from dataclasses import replace
from types import MappingProxyType

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
    VPredictionMark,
)
from studio.families._unet_keys import UNET_KEYS
from studio.families.sd1 import (
    BY_CHANNELS,
    ENTRY,
    INPAINT_ONLY,
    INSTRUCT_ONLY,
    LISTENS,
    TASKS,
    TRAINING,
    image_guidance,
)
from studio.parameters.types import Size


def _by_tensors(shapes: Shapes) -> str | None:
    """A U-Net conditioned on OpenCLIP ViT-H's 1024 channels."""
    return BY_CHANNELS.get(shapes[ENTRY][1]) if shapes.get(LISTENS, (0, 0))[1] == 1024 else None


def _by_configs(configs: DiffusersConfigs) -> str | None:
    if not configs.get("unet", "use_linear_projection"):
        return None
    variant = BY_CHANNELS.get(configs.get("unet", "in_channels") or 4)
    return "base" if variant == "" and configs.get("scheduler", "prediction_type") == "epsilon" else variant


_TRAINING = replace(TRAINING, modelspec_architecture="stable-diffusion-v2-768-v", kohya_base_version="sd_v2_v")
_SMALL = Defaults(steps=25, guidance=7.0, size=Size(512, 512))
_PLAIN = Family(
    name="sd2",
    title="Stable Diffusion 2",
    detection=Detection(
        pipeline_classes=frozenset((*TASKS.values(), *INSTRUCT_ONLY.values())),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        same_tensors=frozenset({"base"}),
        v_prediction_mark=VPredictionMark(
            "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias", 0.09, otherwise="base"
        ),
        state_dict_keys=UNET_KEYS,
        lora_keys=MappingProxyType({"attn2_to_[kv]": (1024,)}),
        aliases=("sd2", "sdv2", "stablediffusion2", "stablediffusionv2", "v20", "v21"),
    ),
    pipelines=TaskPipelines(
        classes=TASKS,
        size_from_image=frozenset({"image-to-image", "instruct"}),
    ),
    capabilities=Capabilities(
        defaults=replace(_SMALL, size=Size(768, 768)),
        size_multiple=8,
        supports=UNET,
        prompt_weighting=True,
    ),
    training=_TRAINING,
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "base": replace(
                _PLAIN,
                title="Stable Diffusion 2 base",
                capabilities=replace(_PLAIN.capabilities, defaults=_SMALL),
                training=replace(
                    _TRAINING, modelspec_architecture="stable-diffusion-v2-512", kohya_base_version="sd_v2"
                ),
            ),
            "inpaint": replace(
                _PLAIN,
                title="Stable Diffusion 2 for inpainting",
                pipelines=replace(_PLAIN.pipelines, classes=INPAINT_ONLY),
                capabilities=replace(_PLAIN.capabilities, defaults=_SMALL),
            ),
            "instruct": replace(
                _PLAIN,
                title="Stable Diffusion 2 for instructions",
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
