"""Writes the weights of a small diffusers pipeline in the layout of the original authors, as shared files have it.

Names as in CompVis' and Stability's configurations: ``model.diffusion_model``, ``first_stage_model``,
``cond_stage_model`` or ``conditioner.embedders``. The inverse of what diffusers does when it reads one.
"""

import re
from pathlib import Path

import torch
from safetensors.torch import save_file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def write(pipeline, file: Path, *, without=(), extra=None, metadata=None, dtype=None) -> Path:
    """Write all but the parts named in ``without`` ("unet", "vae", "text"), and ``extra`` tensors as they are."""
    tensors = {}
    if "unet" not in without:
        tensors |= unet(pipeline.unet)
    if "vae" not in without:
        tensors |= vae(pipeline.vae)
    if "text" not in without:
        tensors |= texts(pipeline)
    tensors = {name: tensor.to(dtype or tensor.dtype).contiguous().clone() for name, tensor in tensors.items()}
    save_file(tensors | (extra or {}), file, metadata)
    return file


def unet(model) -> dict[str, torch.Tensor]:
    with_attention = {i for i, kind in enumerate(model.config.up_block_types) if "Attn" in kind}
    state = model.state_dict().items()
    return {f"model.diffusion_model.{_unet_name(name, with_attention)}": tensor for name, tensor in state}


def _unet_name(name: str, with_attention: set[int]) -> str:
    start, _, end = name.rpartition(".")
    if start in _ENDS:
        return f"{_ENDS[start]}.{end}"
    if found := re.match(r"(down|up)_blocks\.(\d)\.(resnets|attentions)\.(\d)\.(.+)", name):
        side, i, what, j, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
        block = f"input_blocks.{3 * i + j + 1}" if side == "down" else f"output_blocks.{3 * i + j}"
        return f"{block}.0.{_resnet(rest)}" if what == "resnets" else f"{block}.1.{rest}"
    if found := re.match(r"down_blocks\.(\d)\.downsamplers\.0\.conv\.(.+)", name):
        return f"input_blocks.{3 * (int(found[1]) + 1)}.0.op.{found[2]}"
    if found := re.match(r"up_blocks\.(\d)\.upsamplers\.0\.conv\.(.+)", name):
        return f"output_blocks.{3 * int(found[1]) + 2}.{2 if int(found[1]) in with_attention else 1}.conv.{found[2]}"
    if found := re.match(r"mid_block\.resnets\.(\d)\.(.+)", name):
        return f"middle_block.{2 * int(found[1])}.{_resnet(found[2])}"
    return re.sub(r"mid_block\.attentions\.0", "middle_block.1", name)


def _resnet(rest: str) -> str:
    what, _, end = rest.partition(".")
    return f"{_RESNET[what]}.{end}"


def vae(model) -> dict[str, torch.Tensor]:
    last = len(model.config.block_out_channels) - 1
    return dict(_vae_part(name, tensor, last) for name, tensor in model.state_dict().items())


def _vae_part(name: str, tensor: torch.Tensor, last: int) -> tuple[str, torch.Tensor]:
    if ".attentions." in name and name.endswith("weight") and tensor.ndim == 2:
        tensor = tensor[:, :, None, None]  # once a convolution
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda found: f"up.{last - int(found[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{last - int(found[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("conv_norm_out", "norm_out")
    for new, old in {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}.items():
        name = name.replace(f"attn_1.{new}.", f"attn_1.{old}.")
    return f"first_stage_model.{name.replace('conv_shortcut', 'nin_shortcut')}", tensor


def texts(pipeline) -> dict[str, torch.Tensor]:
    first, second = pipeline.text_encoder, getattr(pipeline, "text_encoder_2", None)
    if second and first:
        both = clip(first, "conditioner.embedders.0.transformer.")
        return both | open_clip(second, "conditioner.embedders.1.model.")
    if second:
        return open_clip(second, "conditioner.embedders.0.model.")
    if first.config.hidden_size == 1024:
        return open_clip(first, "cond_stage_model.model.")
    return clip(first, "cond_stage_model.transformer.")


def clip(model, begin: str) -> dict[str, torch.Tensor]:
    state = {name.removeprefix("text_model."): tensor for name, tensor in model.state_dict().items()}
    return {f"{begin}text_model.{name}": tensor for name, tensor in state.items()}


def open_clip(model, begin: str) -> dict[str, torch.Tensor]:
    state = {name.removeprefix("text_model."): tensor for name, tensor in model.state_dict().items()}
    named = {
        "token_embedding.weight": state["embeddings.token_embedding.weight"],
        "positional_embedding": state["embeddings.position_embedding.weight"],
        "ln_final.weight": state["final_layer_norm.weight"],
        "ln_final.bias": state["final_layer_norm.bias"],
    }
    if "text_projection.weight" in state:
        named["text_projection"] = state["text_projection.weight"].T
    for n in range(model.config.num_hidden_layers):
        layer = {name.split(".", 3)[3]: t for name, t in state.items() if name.startswith(f"encoder.layers.{n}.")}
        block = f"transformer.resblocks.{n}"
        for end in ("weight", "bias"):
            qkv = [layer[f"self_attn.{which}_proj.{end}"] for which in "qkv"]
            named[f"{block}.attn.in_proj_{end}"] = torch.cat(qkv)
            for old, new in _OPEN_CLIP.items():
                named[f"{block}.{old}.{end}"] = layer[f"{new}.{end}"]
    return {f"{begin}{name}": tensor for name, tensor in named.items()}


_OPEN_CLIP = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
