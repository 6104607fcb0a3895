"""AuraFlow: flow matching in a wide transformer."""

from studio.families import Defaults, Family, Shapes, table
from studio.kinds import Size


def _layout(shapes: Shapes) -> str | None:
    """Its makers' files say ``model.`` before each name."""
    return "" if {"double_layers.0.attn.w1q.weight", "model.double_layers.0.attn.w1q.weight"} & shapes.keys() else None


FAMILY = Family(
    name="auraflow",
    title="AuraFlow",
    known_as=("auraflow", "ponyv7"),
    classes=frozenset({"AuraFlowPipeline"}),
    pipelines=table(text_to_image="AuraFlowPipeline"),
    multiple=16,
    defaults=Defaults(steps=50, guidance=3.5, size=Size(1024, 1024)),
    layout=_layout,
    noise="flow",
    halves=("bfloat16",),
)
