"""Stable Diffusion 1 and what shares its shape, Spark among them."""

from types import MappingProxyType
from typing import Any

from studio.families import Family, Request


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
    arguments=_arguments,
)
