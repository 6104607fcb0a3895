"""AuraFlow: flow matching in a wide transformer."""

from types import MappingProxyType
from typing import Final

from studio.families import Defaults, Family, Shapes, table
from studio.kinds import Size

_NAMES: Final = MappingProxyType(
    {
        "t_embedder.mlp.0": "time_step_proj.linear_1",
        "t_embedder.mlp.2": "time_step_proj.linear_2",
        "cond_seq_linear": "context_embedder",
        "positional_encoding": "pos_embed.pos_embed",
        "init_x_linear": "pos_embed.proj",
        "modF.1": "norm_out.linear",
        "final_linear": "proj_out",
        "double_layers.*.attn.w2q": "double_layers.*.attn.to_q",
        "double_layers.*.attn.w2k": "double_layers.*.attn.to_k",
        "double_layers.*.attn.w2v": "double_layers.*.attn.to_v",
        "double_layers.*.attn.w2o": "double_layers.*.attn.to_out.0",
        "double_layers.*.attn.w1q": "double_layers.*.attn.add_q_proj",
        "double_layers.*.attn.w1k": "double_layers.*.attn.add_k_proj",
        "double_layers.*.attn.w1v": "double_layers.*.attn.add_v_proj",
        "double_layers.*.attn.w1o": "double_layers.*.attn.to_add_out",
        "w1q": "to_q",
        "w1k": "to_k",
        "w1v": "to_v",
        "w1o": "to_out.0",
        "modX.1": "norm1.linear",
        "modC.1": "norm1_context.linear",
        "modCX.1": "norm1.linear",
        "mlp": "ff",
        "mlpX": "ff",
        "mlpC": "ff_context",
        "c_fc1": "linear_1",
        "c_fc2": "linear_2",
        "c_proj": "out_projection",
        "double_layers": "joint_transformer_blocks",
        "single_layers": "single_transformer_blocks",
    }
)


def _layout(shapes: Shapes) -> str | None:
    return "" if "double_layers.0.attn.w1q.weight" in shapes else None


FAMILY = Family(
    name="auraflow",
    title="AuraFlow",
    classes=frozenset({"AuraFlowPipeline"}),
    pipelines=table(text_to_image="AuraFlowPipeline"),
    multiple=16,
    defaults=Defaults(steps=50, guidance=3.5, size=Size(1024, 1024)),
    layout=_layout,
    names=_NAMES,
    source="fal/AuraFlow-v0.3",
    noise="flow",
    halves=("bfloat16",),
)
