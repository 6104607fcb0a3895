"""Stable Diffusion 1 and what shares its shape, Spark among them."""

from types import MappingProxyType
from typing import Any

from studio.families import UNET, Defaults, Family, Request, Shapes
from studio.kinds import Size


def _arguments(task: str, request: Request) -> dict[str, Any]:
    common = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
    }
    size = {"width": request.width, "height": request.height}
    if task == "instruct":
        return common | {"image_guidance_scale": request.likeness}
    if not request.images:
        return common | size
    return common | {"strength": request.strength} | (size if request.masks else {})  # else that of the picture


def _recognise(shapes: Shapes) -> str | None:
    """A U-Net that listens to CLIP ViT-L's 768 channels; what it was trained for shows in the channels in."""
    listens = shapes.get("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight")
    if listens is None or listens[1] != 768:
        return None
    channels = shapes["model.diffusion_model.input_blocks.0.0.weight"][1]
    return {9: "inpaint", 8: "instruct"}.get(channels, "")


FAMILY = Family(
    name="sd1",
    title="Stable Diffusion 1",
    classes=frozenset(
        {"StableDiffusionPipeline", "StableDiffusionInpaintPipeline", "StableDiffusionInstructPix2PixPipeline"}
    ),
    pipelines=MappingProxyType(
        {
            "text-to-image": "StableDiffusionPipeline",
            "image-to-image": "StableDiffusionImg2ImgPipeline",
            "inpaint": "StableDiffusionInpaintPipeline",
            "instruct": "StableDiffusionInstructPix2PixPipeline",
            "controlnet": "StableDiffusionControlNetPipeline",
            "controlnet image-to-image": "StableDiffusionControlNetImg2ImgPipeline",
            "controlnet inpaint": "StableDiffusionControlNetInpaintPipeline",
        }
    ),
    multiple=8,
    defaults=Defaults(steps=25, guidance=7.0, size=Size(512, 512)),
    arguments=_arguments,
    recognise=_recognise,
    takes=UNET,
)
