"""HiDream-I1: four text encoders and a mixture of experts; always about a million pixels."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import Capabilities, Defaults, Detection, DiffusersConfigs, Family, Shapes, TaskPipelines, by_task
from studio.parameters.types import Size


def _by_tensors(shapes: Shapes) -> str | None:
    """The tensors of Full, Dev and Fast are the same."""
    return "" if "double_stream_blocks.0.block.adaLN_modulation.1.weight" in shapes else None


def _by_configs(configs: DiffusersConfigs) -> str:
    """Dev and Fast, which are distilled, have a few-step sampler."""
    return "dev" if configs.get("scheduler", "_class_name") == "FlowMatchLCMScheduler" else ""


_PLAIN = Family(
    name="hidream",
    title="HiDream-I1",
    source="HiDream-ai/HiDream-I1-Full",
    detection=Detection(
        pipeline_classes=frozenset({"HiDreamImagePipeline"}),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        same_tensors=frozenset({"dev"}),
        aliases=("hidream",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(text_to_image="HiDreamImagePipeline"),
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=50, guidance=5.0, size=Size(1024, 1024)),
        size_multiple=16,
        fixed_area=1024 * 1024,
        noise="flow",
    ),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "dev": replace(
                _PLAIN,
                title="HiDream-I1 Dev",
                source="HiDream-ai/HiDream-I1-Dev",
                pipelines=replace(_PLAIN.pipelines, extra_arguments=lambda _: {"guidance_scale": 0.0}),
                capabilities=replace(
                    _PLAIN.capabilities,
                    defaults=Defaults(steps=28, guidance=0.0, size=Size(1024, 1024)),
                    guidance_argument=None,
                    negative_prompt=False,
                ),
            )
        }
    ),
)
