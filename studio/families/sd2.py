"""Stable Diffusion 2: it listens to OpenCLIP, and its larger models predict velocities.

In a single file, a norm's bias tells velocity from noise: it spreads wider in the larger model, the plain
variant; "base" is the smaller one, which predicts noise. The bound is ComfyUI's.
"""

from dataclasses import replace
from types import MappingProxyType

from studio.families import INSTRUCTED, UNET, Defaults, Family, Folder, Shapes, VMark
from studio.families._unet import UNET_NAMES
from studio.families.sd1 import BY_CHANNELS, ENTRY, INPAINT_ONLY, INSTRUCT_ONLY, LESSONS, LISTENS, TASKS, likeness
from studio.parameters.types import Size


def _layout(shapes: Shapes) -> str | None:
    """A U-Net that listens to OpenCLIP ViT-H's 1024 channels."""
    return BY_CHANNELS.get(shapes[ENTRY][1]) if shapes.get(LISTENS, (0, 0))[1] == 1024 else None


def _folder(folder: Folder) -> str | None:
    if not folder.says("unet", "use_linear_projection"):
        return None
    variant = BY_CHANNELS.get(folder.says("unet", "in_channels") or 4)
    return "base" if variant == "" and folder.says("scheduler", "prediction_type") == "epsilon" else variant


_LESSONS = replace(LESSONS, architecture="stable-diffusion-v2-768-v", version="sd_v2_v")
_SMALL = Defaults(steps=25, guidance=7.0, size=Size(512, 512))
_PLAIN = Family(
    name="sd2",
    title="Stable Diffusion 2",
    known_as=("sd2", "sdv2", "stablediffusion2", "stablediffusionv2", "v20", "v21"),
    classes=frozenset((*TASKS.values(), *INSTRUCT_ONLY.values())),
    pipelines=TASKS,
    multiple=8,
    defaults=replace(_SMALL, size=Size(768, 768)),
    layout=_layout,
    folder=_folder,
    alike=frozenset({"base"}),
    unsized=frozenset({"image-to-image", "instruct"}),
    takes=UNET,
    names=UNET_NAMES,
    traces=MappingProxyType({"attn2_to_[kv]": (1024,)}),
    weights=True,
    lessons=_LESSONS,
    v_mark=VMark("model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias", 0.09, otherwise="base"),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "base": replace(
                _PLAIN,
                title="Stable Diffusion 2 base",
                defaults=_SMALL,
                lessons=replace(_LESSONS, architecture="stable-diffusion-v2-512", version="sd_v2"),
            ),
            "inpaint": replace(
                _PLAIN, title="Stable Diffusion 2 for inpainting", pipelines=INPAINT_ONLY, defaults=_SMALL
            ),
            "instruct": replace(
                _PLAIN,
                title="Stable Diffusion 2 for instructions",
                pipelines=INSTRUCT_ONLY,
                besides=likeness,
                takes=INSTRUCTED,
            ),
        }
    ),
)
