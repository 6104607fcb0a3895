"""Lumina-Image 2: its text encoder is Gemma 2."""

from studio.families import Capabilities, Defaults, Detection, Family, Shapes, StateDictKeys, TaskPipelines, by_task
from studio.parameters.types import Size

_STREAMS = ("layers", "noise_refiner", "context_refiner")
_KEYS = StateDictKeys(
    {
        "x_embedder": "x_embedder",
        "cap_embedder": "time_caption_embed.caption_embedder",
        "t_embedder.mlp.0": "time_caption_embed.timestep_embedder.linear_1",
        "t_embedder.mlp.2": "time_caption_embed.timestep_embedder.linear_2",
        "final_layer.linear": "norm_out.linear_2",
        "final_layer.adaLN_modulation.1": "norm_out.linear_1",
        "context_refiner.*.attention_norm1": "context_refiner.*.norm1",
    }
    | {f"{stream}.*.attention_norm1": f"{stream}.*.norm1.norm" for stream in _STREAMS[:2]}
    | {f"{stream}.*.adaLN_modulation.1": f"{stream}.*.norm1.linear" for stream in _STREAMS[:2]}
    | {f"{stream}.*.attention_norm2": f"{stream}.*.norm2" for stream in _STREAMS}
    | {(norm := f"{stream}.*.ffn_norm{n}"): norm for stream in _STREAMS for n in "12"}
    | {f"{stream}.*.attention.qkv": f"{stream}.*.attn.to_{{q,k,v}}" for stream in _STREAMS}
    | {f"{stream}.*.attention.out": f"{stream}.*.attn.to_out.0" for stream in _STREAMS}
    | {f"{stream}.*.attention.{n}_norm": f"{stream}.*.attn.norm_{n}" for stream in _STREAMS for n in "qk"}
    | {f"{stream}.*.feed_forward.w{n}": f"{stream}.*.feed_forward.linear_{n}" for stream in _STREAMS for n in "123"},
    unused=("norm_final",),
)


def _by_tensors(shapes: Shapes) -> str | None:
    """Gemma's embeddings go through a norm and a linear layer; Z-Image, which is similar, also has padding tokens."""
    mine = {"cap_embedder.0.weight", "layers.0.attention.qkv.weight"} <= shapes.keys()
    return "" if mine and "x_pad_token" not in shapes else None


FAMILY = Family(
    name="lumina2",
    title="Lumina-Image 2",
    source="Alpha-VLLM/Lumina-Image-2.0",
    detection=Detection(
        pipeline_classes=frozenset({"Lumina2Pipeline", "Lumina2Text2ImgPipeline"}),
        by_tensors=_by_tensors,
        state_dict_keys=_KEYS,
        aliases=("lumina",),
    ),
    pipelines=TaskPipelines(
        classes=by_task(text_to_image="Lumina2Pipeline"),
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=50, guidance=4.0, size=Size(1024, 1024)),
        size_multiple=16,
        noise="flow",
    ),
)
