"""Lumina-Image 2: reads with Gemma 2."""

from studio.families import Defaults, Family, Shapes, table
from studio.families.base.state_dict_keys import Names
from studio.parameters.types import Size

_STREAMS = ("layers", "noise_refiner", "context_refiner")
_NAMES = Names(
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


def _layout(shapes: Shapes) -> str | None:
    """Gemma's words are embedded by a norm and a linear map; Z-Image, much alike, pads with tokens besides."""
    mine = {"cap_embedder.0.weight", "layers.0.attention.qkv.weight"} <= shapes.keys()
    return "" if mine and "x_pad_token" not in shapes else None


FAMILY = Family(
    name="lumina2",
    title="Lumina-Image 2",
    known_as=("lumina",),
    classes=frozenset({"Lumina2Pipeline", "Lumina2Text2ImgPipeline"}),
    pipelines=table(text_to_image="Lumina2Pipeline"),
    multiple=16,
    defaults=Defaults(steps=50, guidance=4.0, size=Size(1024, 1024)),
    layout=_layout,
    names=_NAMES,
    source="Alpha-VLLM/Lumina-Image-2.0",
    noise="flow",
    halves=("bfloat16",),
)
