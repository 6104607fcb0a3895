"""Kandinsky 5 for pictures: it reads with Qwen 2.5 VL, whose picture processor needs torchvision."""

from studio.families import Defaults, Family, Shapes, table
from studio.parameters.types import Size


def _layout(shapes: Shapes) -> str | None:
    return (
        ""
        if {"text_transformer_blocks.0.text_modulation.out_layer.weight", "visual_embeddings.in_layer.weight"}
        <= shapes.keys()
        else None
    )


FAMILY = Family(
    name="kandinsky5",
    title="Kandinsky 5",
    known_as=("kandinsky5",),
    classes=frozenset({"Kandinsky5T2IPipeline"}),
    pipelines=table(text_to_image="Kandinsky5T2IPipeline"),
    multiple=16,
    defaults=Defaults(steps=50, guidance=3.5, size=Size(1024, 1024)),
    layout=_layout,
    noise="flow",
    halves=("bfloat16",),
    needs="torchvision",
)
