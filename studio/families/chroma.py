"""Chroma: FLUX.1's shape, with real guidance and a small network in place of its modulation.

Its pipeline for inpainting asks the model for a setting it does not have, and makes no use of it (diffusers 0.42.1).
"""

from types import MappingProxyType

from studio.families import Defaults, Family, Shapes, table
from studio.families.base.state_dict_keys import Names
from studio.families.flux1 import BLOCKS, TRACES
from studio.parameters.types import Size


def _layout(shapes: Shapes) -> str | None:
    """Radiance draws pixels without an autoencoder and is another model."""
    mine = "distilled_guidance_layer.in_proj.weight" in shapes and "img_in.weight" in shapes
    return "" if mine and not any(name.startswith("nerf_") for name in shapes) else None


_NAMES = Names(
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
    known_as=("chroma",),
    classes=frozenset({"ChromaPipeline"}),
    pipelines=table(
        text_to_image="ChromaPipeline", image_to_image="ChromaImg2ImgPipeline", inpaint="ChromaInpaintPipeline"
    ),
    multiple=16,
    defaults=Defaults(steps=40, guidance=3.0, size=Size(1024, 1024)),
    layout=_layout,
    source="lodestones/Chroma1-HD",
    names=_NAMES,
    traces=TRACES,
    noise="flow",
    lent=MappingProxyType({"guidance_embeds": False}),
)
