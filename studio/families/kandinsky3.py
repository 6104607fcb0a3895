"""Kandinsky 3: a U-Net that listens to T5."""

from studio.families import Defaults, Family, Shapes, table
from studio.parameters.types import Size


def _layout(_shapes: Shapes) -> None:
    """It comes in folders only."""


FAMILY = Family(
    name="kandinsky3",
    title="Kandinsky 3",
    known_as=("kandinsky3",),
    classes=frozenset({"Kandinsky3Pipeline"}),
    pipelines=table(text_to_image="Kandinsky3Pipeline", image_to_image="Kandinsky3Img2ImgPipeline"),
    multiple=64,
    defaults=Defaults(steps=25, guidance=3.0, size=Size(1024, 1024)),
    layout=_layout,
    unsized=frozenset({"image-to-image"}),
    halves=("bfloat16", "float16"),
)
