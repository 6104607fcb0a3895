"""Chroma: FLUX.1's architecture, with real guidance and a small network in place of its modulation.

Its pipeline for inpainting reads a setting that the model does not have, and does not use it (diffusers 0.42.1).
"""

from types import MappingProxyType

from studio.families import Capabilities, Defaults, Detection, Family, Shapes, StateDictKeys, TaskPipelines, by_task
from studio.families.flux1 import BLOCKS, LORA_KEYS
from studio.parameters.types import Size


def _by_tensors(shapes: Shapes) -> str | None:
    """Radiance, which draws pixels without an autoencoder, is another model."""
    mine = "distilled_guidance_layer.in_proj.weight" in shapes and "img_in.weight" in shapes
    return "" if mine and not any(name.startswith("nerf_") for name in shapes) else None


_KEYS = StateDictKeys(
    BLOCKS
    | {
        "distilled_guidance_layer": "distilled_guidance_layer",
        "distilled_guidance_layer.layers.*.in_layer": "distilled_guidance_layer.layers.*.linear_1",
        "distilled_guidance_layer.layers.*.out_layer": "distilled_guidance_layer.layers.*.linear_2",
    }
)

FAMILY = Family(
    name="chroma",
    title="Chroma",
    source="lodestones/Chroma1-HD",
    detection=Detection(
        pipeline_classes=frozenset({"ChromaPipeline"}),
        by_tensors=_by_tensors,
        state_dict_keys=_KEYS,
        lora_keys=LORA_KEYS,
        aliases=("chroma",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(
            text_to_image="ChromaPipeline", image_to_image="ChromaImg2ImgPipeline", inpaint="ChromaInpaintPipeline"
        ),
        config_overrides=MappingProxyType({"guidance_embeds": False}),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=40, guidance=3.0, size=Size(1024, 1024)),
        size_multiple=16,
        noise="flow",
    ),
)
