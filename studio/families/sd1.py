"""Stable Diffusion 1 and what shares its shape, Spark among them."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from studio.families import INSTRUCTED, UNET, Defaults, Family, Folder, Lessons, Shapes, table
from studio.families._unet import UNET_NAMES
from studio.parameters.request import Request
from studio.parameters.types import Size

LISTENS: Final = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
ENTRY: Final = "input_blocks.0.0.weight"
BY_CHANNELS: Final = MappingProxyType({4: "", 9: "inpaint", 8: "instruct"})
"""Variants of U-Nets by the channels that come in; others are no models that draw from words alone."""

TASKS: Final = table(
    text_to_image="StableDiffusionPipeline",
    image_to_image="StableDiffusionImg2ImgPipeline",
    inpaint="StableDiffusionInpaintPipeline",
    controlnet="StableDiffusionControlNetPipeline",
    controlnet_image_to_image="StableDiffusionControlNetImg2ImgPipeline",
    controlnet_inpaint="StableDiffusionControlNetInpaintPipeline",
)
INPAINT_ONLY: Final = table(inpaint=TASKS["inpaint"], controlnet_inpaint=TASKS["controlnet-inpaint"])
INSTRUCT_ONLY: Final = table(instruct="StableDiffusionInstructPix2PixPipeline")


_ATTENTION: Final = r"(to_q|to_k|to_v|to_out\.0|proj_in|proj_out|ff\.net\.0\.proj|ff\.net\.2)"
LESSONS: Final = Lessons(
    architecture="stable-diffusion-v1",
    version="sd_v1",
    attention=rf".*\.attentions\.\d+(\..*)?\.{_ATTENTION}",
    more=r".*\.(resnets\.\d+\.(conv1|conv2|conv_shortcut|time_emb_proj)|(down|up)samplers\.0\.conv)",
    kohya=True,
)


def likeness(request: Request) -> dict[str, Any]:
    """How strictly a picture is kept that an instruction changes."""
    return {"image_guidance_scale": request.likeness}


def _layout(shapes: Shapes) -> str | None:
    """A U-Net that listens to CLIP ViT-L's 768 channels."""
    if shapes.get(LISTENS, (0, 0))[1] != 768:
        return None
    return BY_CHANNELS.get(shapes[ENTRY][1])


def _folder(folder: Folder) -> str | None:
    """The projections around attention are convolutions; Stable Diffusion 2 made them linear."""
    if folder.says("unet", "use_linear_projection"):
        return None
    return BY_CHANNELS.get(folder.says("unet", "in_channels") or 4)


_PLAIN = Family(
    name="sd1",
    title="Stable Diffusion 1",
    known_as=("sd1", "sdv1", "stablediffusion1", "stablediffusionv1", "v14", "v15"),
    classes=frozenset((*TASKS.values(), *INSTRUCT_ONLY.values())),
    pipelines=TASKS,
    multiple=8,
    defaults=Defaults(steps=25, guidance=7.0, size=Size(512, 512)),
    layout=_layout,
    folder=_folder,
    source="stable-diffusion-v1-5/stable-diffusion-v1-5",
    unsized=frozenset({"image-to-image", "instruct"}),
    takes=UNET,
    names=UNET_NAMES,
    traces=MappingProxyType({"attn2_to_[kv]": (768,)}),
    weights=True,
    lessons=LESSONS,
    aligned=(14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "inpaint": replace(
                _PLAIN,
                title="Stable Diffusion 1 for inpainting",
                source="stable-diffusion-v1-5/stable-diffusion-inpainting",
                pipelines=INPAINT_ONLY,
            ),
            "instruct": replace(
                _PLAIN,
                title="Stable Diffusion 1 for instructions",
                source="timbrooks/instruct-pix2pix",
                pipelines=INSTRUCT_ONLY,
                besides=likeness,
                takes=INSTRUCTED,
            ),
        }
    ),
)
