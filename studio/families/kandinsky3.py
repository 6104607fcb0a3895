"""Kandinsky 3: a U-Net conditioned on T5."""

from studio.families import Capabilities, Defaults, Detection, Family, Shapes, TaskPipelines, by_task
from studio.parameters.types import Size


def _by_tensors(_shapes: Shapes) -> None:
    """The models come as folders only."""


FAMILY = Family(
    name="kandinsky3",
    title="Kandinsky 3",
    detection=Detection(
        pipeline_classes=frozenset({"Kandinsky3Pipeline"}),
        by_tensors=_by_tensors,
        aliases=("kandinsky3",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(text_to_image="Kandinsky3Pipeline", image_to_image="Kandinsky3Img2ImgPipeline"),
        size_from_image=frozenset({"image-to-image"}),
        half_dtypes=("bfloat16", "float16"),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=25, guidance=3.0, size=Size(1024, 1024)),
        size_multiple=64,
    ),
)
