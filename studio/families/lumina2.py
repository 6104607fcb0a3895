"""Lumina-Image 2: reads with Gemma 2."""

from studio.families import Defaults, Family, Shapes, table
from studio.kinds import Size


def _layout(shapes: Shapes) -> str | None:
    """Gemma's words are embedded by a norm and a linear map; Z-Image, much alike, pads with tokens besides."""
    mine = {"cap_embedder.0.weight", "layers.0.attention.qkv.weight"} <= shapes.keys()
    return "" if mine and "x_pad_token" not in shapes else None


FAMILY = Family(
    name="lumina2",
    title="Lumina-Image 2",
    known_as=("lumina",),
    classes=frozenset({"Lumina2Pipeline", "Lumina2Text2ImgPipeline"}),
    pipelines=table(text_to_image="Lumina2Pipeline"),
    multiple=16,
    defaults=Defaults(steps=50, guidance=4.0, size=Size(1024, 1024)),
    layout=_layout,
    noise="flow",
    halves=("bfloat16",),
)
