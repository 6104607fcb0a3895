"""FLUX.2: klein's text encoder is Qwen 3, dev's is Mistral, whose image processor needs torchvision."""

from dataclasses import replace
from types import MappingProxyType

from studio.families import (
    Capabilities,
    Defaults,
    Detection,
    DiffusersConfigs,
    Family,
    Shapes,
    StateDictKeys,
    TaskPipelines,
    by_task,
)
from studio.families.flux1 import BLOCKS
from studio.parameters.types import Size


def _by_tensors(shapes: Shapes) -> str | None:
    """All blocks share their modulation; only dev has distilled guidance."""
    if "double_stream_modulation_img.lin.weight" not in shapes:
        return None
    return "dev" if "guidance_in.in_layer.weight" in shapes else ""


def _by_configs(configs: DiffusersConfigs) -> str:
    if configs.pipeline_class == "Flux2Pipeline":
        return "dev"
    return "" if configs.index.get("is_distilled") else "klein-base"


_KEYS = StateDictKeys(
    BLOCKS
    | {
        "time_in.in_layer": "time_guidance_embed.timestep_embedder.linear_1",
        "time_in.out_layer": "time_guidance_embed.timestep_embedder.linear_2",
        "guidance_in.in_layer": "time_guidance_embed.guidance_embedder.linear_1",
        "guidance_in.out_layer": "time_guidance_embed.guidance_embedder.linear_2",
        "double_stream_modulation_img.lin": "double_stream_modulation_img.linear",
        "double_stream_modulation_txt.lin": "double_stream_modulation_txt.linear",
        "single_stream_modulation.lin": "single_stream_modulation.linear",
        "double_blocks.*.img_mlp.0": "transformer_blocks.*.ff.linear_in",
        "double_blocks.*.img_mlp.2": "transformer_blocks.*.ff.linear_out",
        "double_blocks.*.txt_mlp.0": "transformer_blocks.*.ff_context.linear_in",
        "double_blocks.*.txt_mlp.2": "transformer_blocks.*.ff_context.linear_out",
        "single_blocks.*.linear1": "single_transformer_blocks.*.attn.to_qkv_mlp_proj",
        "single_blocks.*.linear2": "single_transformer_blocks.*.attn.to_out",
        "final_layer.adaLN_modulation.1": "norm_out.linear",
    },
    swap_scale_shift=("norm_out.linear",),
)

_PLAIN = Family(
    name="flux2",
    title="FLUX.2 klein",
    source="black-forest-labs/FLUX.2-klein-4B",
    detection=Detection(
        pipeline_classes=frozenset({"Flux2Pipeline", "Flux2KleinPipeline"}),
        by_tensors=_by_tensors,
        by_configs=_by_configs,
        same_tensors=frozenset({"klein-base"}),
        state_dict_keys=_KEYS,
        lora_keys=MappingProxyType(
            {
                r"double_blocks_\d+_(img|txt)_attn_(qkv|proj)": (3072, 4096, 6144),
                r"single_blocks_\d+_linear2": (12288, 16384, 24576),
                r"single_transformer_blocks_\d+_attn_to_(out|qkv_mlp_proj)": (),
            }
        ),
        aliases=("flux2",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(text_to_image="Flux2KleinPipeline", inpaint="Flux2KleinInpaintPipeline"),
        extra_arguments=lambda _: {"guidance_scale": 1.0},
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=4, guidance=1.0, size=Size(1024, 1024)),
        size_multiple=16,
        noise="flow",
        guidance_argument=None,
        negative_prompt=False,
    ),
)
_GUIDED = replace(
    _PLAIN,
    pipelines=replace(_PLAIN.pipelines, extra_arguments=lambda _: {}),
    capabilities=replace(
        _PLAIN.capabilities,
        defaults=Defaults(steps=50, guidance=4.0, size=Size(1024, 1024)),
        guidance_argument="guidance_scale",
    ),
)

FAMILY = replace(
    _PLAIN,
    variants=MappingProxyType(
        {
            "klein-base": replace(
                _GUIDED,
                title="FLUX.2 klein base",
                source="black-forest-labs/FLUX.2-klein-base-4B",
            ),
            "dev": replace(
                _GUIDED,
                title="FLUX.2 dev",
                source="black-forest-labs/FLUX.2-dev",
                pipelines=replace(
                    _GUIDED.pipelines,
                    classes=by_task(text_to_image="Flux2Pipeline"),
                    requires="torchvision",
                ),
            ),
        }
    ),
)
