"""PixArt-Sigma: a small transformer with a large text encoder."""

from studio.families import Defaults, Family, Shapes, table
from studio.kinds import Size


def _layout(shapes: Shapes) -> str | None:
    """It attends in full, which Sana does not, and is told no size, which PixArt-Alpha is."""
    mine = {"y_embedder.y_proj.fc1.weight", "t_block.1.weight", "blocks.0.mlp.fc1.weight"} <= shapes.keys()
    return "" if mine and "csize_embedder.mlp.0.weight" not in shapes else None


FAMILY = Family(
    name="pixart",
    title="PixArt-Sigma",
    known_as=("pixart",),
    classes=frozenset({"PixArtSigmaPipeline"}),
    pipelines=table(text_to_image="PixArtSigmaPipeline"),
    multiple=16,
    defaults=Defaults(steps=20, guidance=4.5, size=Size(1024, 1024)),
    layout=_layout,
    besides=lambda _: {"use_resolution_binning": False, "clean_caption": False},
    halves=("bfloat16",),
)
