"""FLUX.2: klein reads with Qwen 3, dev with Mistral, whose picture processor needs torchvision."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.kinds import Size


def _layout(shapes: Shapes) -> str | None:
    """Modulation is shared by all blocks; only dev was taught guidance."""
    if "double_stream_modulation_img.lin.weight" not in shapes:
        return None
    return "dev" if "guidance_in.in_layer.weight" in shapes else ""


def _folder(folder: Folder) -> str:
    if folder.pipeline == "Flux2Pipeline":
        return "dev"
    return "" if folder.index.get("is_distilled") else "klein-base"


_PLAIN = Family(
    name="flux2",
    title="FLUX.2 klein",
    known_as=("flux2",),
    adapted=(("stream_modulation", 0), ("attn_to_qkv_mlp_proj", 0)),
    classes=frozenset({"Flux2Pipeline", "Flux2KleinPipeline"}),
    pipelines=table(text_to_image="Flux2KleinPipeline", inpaint="Flux2KleinInpaintPipeline"),
    multiple=16,
    defaults=Defaults(steps=4, guidance=1.0, size=Size(1024, 1024)),
    layout=_layout,
    folder=_folder,
    noise="flow",
    guidance=None,
    negative_prompt=False,
    besides=lambda _: {"guidance_scale": 1.0},
    halves=("bfloat16",),
)
_GUIDED = replace(
    _PLAIN,
    guidance="guidance_scale",
    besides=lambda _: {},
    defaults=Defaults(steps=50, guidance=4.0, size=Size(1024, 1024)),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "klein-base": replace(_GUIDED, title="FLUX.2 klein base"),
            "dev": replace(
                _GUIDED, title="FLUX.2 dev", pipelines=table(text_to_image="Flux2Pipeline"), needs="torchvision"
            ),
        }
    ),
)
