"""Stable Diffusion 1 and what shares its shape, Spark among them."""

from types import MappingProxyType
from typing import Any

from studio.families import Defaults, Family, Request, Shapes
from studio.kinds import Size


def _arguments(task: str, request: Request) -> dict[str, Any]:
    common = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance,
    }
    size = {"width": request.width, "height": request.height}
    if task == "text-to-image":
        return common | size
    return common | {"strength": request.strength} | (size if task == "inpaint" else {})  # else that of the picture


def _recognise(shapes: Shapes) -> str | None:
    """A U-Net that listens to CLIP ViT-L's 768 channels; 9 channels in where it was trained to inpaint."""
    listens = shapes.get("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight")
    if listens is None or listens[1] != 768:
        return None
    return "inpaint" if shapes["model.diffusion_model.input_blocks.0.0.weight"][1] == 9 else ""


FAMILY = Family(
    name="sd1",
    title="Stable Diffusion 1",
    classes=frozenset({"StableDiffusionPipeline"}),
    pipelines=MappingProxyType(
        {
            "text-to-image": "StableDiffusionPipeline",
            "image-to-image": "StableDiffusionImg2ImgPipeline",
            "inpaint": "StableDiffusionInpaintPipeline",
        }
    ),
    multiple=8,
    defaults=Defaults(steps=25, guidance=7.0, size=Size(512, 512)),
    arguments=_arguments,
    recognise=_recognise,
    weights=True,
)
