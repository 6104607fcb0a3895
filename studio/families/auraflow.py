"""AuraFlow: flow matching with a wide transformer."""

from studio.families import Capabilities, Defaults, Detection, Family, Shapes, StateDictKeys, TaskPipelines, by_task
from studio.parameters.types import Size

_FEED = {"c_fc1": "linear_1", "c_fc2": "linear_2", "c_proj": "out_projection"}
_OWN, _ADDED = ("to_q", "to_k", "to_v", "to_out.0"), ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
_DOUBLE, _SINGLE = "joint_transformer_blocks.*", "single_transformer_blocks.*"
_KEYS = StateDictKeys(
    {
        "register_tokens": "register_tokens",
        "t_embedder.mlp.0": "time_step_proj.linear_1",
        "t_embedder.mlp.2": "time_step_proj.linear_2",
        "cond_seq_linear": "context_embedder",
        "positional_encoding": "pos_embed.pos_embed",
        "init_x_linear": "pos_embed.proj",
        "modF.1": "norm_out.linear",
        "final_linear": "proj_out",
        "double_layers.*.modX.1": f"{_DOUBLE}.norm1.linear",
        "double_layers.*.modC.1": f"{_DOUBLE}.norm1_context.linear",
        "single_layers.*.modCX.1": f"{_SINGLE}.norm1.linear",
    }
    | {f"double_layers.*.attn.w2{n}": f"{_DOUBLE}.attn.{name}" for n, name in zip("qkvo", _OWN, strict=True)}
    | {f"double_layers.*.attn.w1{n}": f"{_DOUBLE}.attn.{name}" for n, name in zip("qkvo", _ADDED, strict=True)}
    | {f"single_layers.*.attn.w1{n}": f"{_SINGLE}.attn.{name}" for n, name in zip("qkvo", _OWN, strict=True)}
    | {f"double_layers.*.mlpX.{theirs}": f"{_DOUBLE}.ff.{name}" for theirs, name in _FEED.items()}
    | {f"double_layers.*.mlpC.{theirs}": f"{_DOUBLE}.ff_context.{name}" for theirs, name in _FEED.items()}
    | {f"single_layers.*.mlp.{theirs}": f"{_SINGLE}.ff.{name}" for theirs, name in _FEED.items()},
    swap_scale_shift=("norm_out.linear",),
)


def _by_tensors(shapes: Shapes) -> str | None:
    return "" if "double_layers.0.attn.w1q.weight" in shapes else None


FAMILY = Family(
    name="auraflow",
    title="AuraFlow",
    source="fal/AuraFlow-v0.3",
    detection=Detection(
        pipeline_classes=frozenset({"AuraFlowPipeline"}),
        by_tensors=_by_tensors,
        state_dict_keys=_KEYS,
        aliases=("auraflow", "ponyv7"),
    ),
    pipelines=TaskPipelines(
        classes=by_task(text_to_image="AuraFlowPipeline"),
        half_dtypes=("bfloat16",),
    ),
    capabilities=Capabilities(
        defaults=Defaults(steps=50, guidance=3.5, size=Size(1024, 1024)),
        size_multiple=16,
        noise="flow",
    ),
)
