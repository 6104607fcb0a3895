"""HiDream-I1: four text encoders and a mixture of experts; always about a million pixels."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import Defaults, Family, Folder, Shapes, table
from studio.parameters.types import Size


def _layout(shapes: Shapes) -> str | None:
    """The tensors of Full, Dev and Fast are the same."""
    return "" if "double_stream_blocks.0.block.adaLN_modulation.1.weight" in shapes else None


def _folder(folder: Folder) -> str:
    """Dev and Fast, which are distilled, come with a sampler for few steps."""
    return "dev" if folder.says("scheduler", "_class_name") == "FlowMatchLCMScheduler" else ""


_PLAIN = Family(
    name="hidream",
    title="HiDream-I1",
    known_as=("hidream",),
    classes=frozenset({"HiDreamImagePipeline"}),
    pipelines=table(text_to_image="HiDreamImagePipeline"),
    multiple=16,
    defaults=Defaults(steps=50, guidance=5.0, size=Size(1024, 1024)),
    layout=_layout,
    folder=_folder,
    alike=frozenset({"dev"}),
    source="HiDream-ai/HiDream-I1-Full",
    noise="flow",
    halves=("bfloat16",),
    area=1024 * 1024,
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "dev": replace(
                _PLAIN,
                title="HiDream-I1 Dev",
                source="HiDream-ai/HiDream-I1-Dev",
                guidance=None,
                negative_prompt=False,
                besides=lambda _: {"guidance_scale": 0.0},
                defaults=Defaults(steps=28, guidance=0.0, size=Size(1024, 1024)),
            )
        }
    ),
)
