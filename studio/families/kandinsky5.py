"""Kandinsky 5 for pictures: its text encoder is Qwen 2.5 VL, whose image processor needs torchvision."""

from studio.families import Capabilities, Defaults, Detection, Family, Shapes, TaskPipelines, by_task
from studio.parameters.types import Size


def _by_tensors(shapes: Shapes) -> str | None:
    return (
        ""
        if {"text_transformer_blocks.0.text_modulation.out_layer.weight", "visual_embeddings.in_layer.weight"}
        <= shapes.keys()
        else None
    )


FAMILY = Family(
    name="kandinsky5",
    title="Kandinsky 5",
    detection=Detection(
        pipeline_classes=frozenset({"Kandinsky5T2IPipeline"}),
        by_tensors=_by_tensors,
        aliases=("kandinsky5",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(text_to_image="Kandinsky5T2IPipeline"),
        requires="torchvision",
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=50, guidance=3.5, size=Size(1024, 1024)),
        size_multiple=16,
        noise="flow",
    ),
)
