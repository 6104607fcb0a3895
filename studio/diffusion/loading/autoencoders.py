"""Builds a VAE from a configuration and the weights of a file, with original or diffusers' names.

There are three original layouts: CompVis' (``ldm/modules/diffusionmodules/model.py``), which Stable Diffusion and FLUX
share; HunyuanImage's, which numbers blocks and samplers in one sequence; and Wan's, which Qwen-Image uses.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studio.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_LDM: Final = {
    r"(?:encoder|decoder)\.(quant_conv|post_quant_conv)\.": r"\1.",  # where FLUX.2 has them
    r"\.mid\.block_1\.": ".mid_block.resnets.0.",
    r"\.mid\.block_2\.": ".mid_block.resnets.1.",
    r"\.mid\.attn_1\.norm\.": ".mid_block.attentions.0.group_norm.",
    r"\.mid\.attn_1\.([qkv])\.": r".mid_block.attentions.0.to_\1.",
    r"\.mid\.attn_1\.proj_out\.": ".mid_block.attentions.0.to_out.0.",
    r"\.attentions\.0\.(q|k|v)(?:uery|ey|alue)\.": r".attentions.0.to_\1.",  # diffusers' names of 2022
    r"\.attentions\.0\.proj_attn\.": ".attentions.0.to_out.0.",
    r"\.nin_shortcut\.": ".conv_shortcut.",
    r"(coder)\.norm_out\.": r"\1.conv_norm_out.",
}
_HUNYUAN: Final = {
    r"\.mid\.block_1\.": ".mid_block.resnets.0.",
    r"\.mid\.block_2\.": ".mid_block.resnets.1.",
    r"\.mid\.attn_1\.([qkv])\.": r".mid_block.attentions.0.to_\1.",
    r"\.mid\.attn_1\.proj_out\.": ".mid_block.attentions.0.proj.",
    r"\.mid\.attn_1\.norm\.": ".mid_block.attentions.0.norm.",
}
_WAN: Final = {
    r"^conv1\.": "quant_conv.",
    r"^conv2\.": "post_quant_conv.",
    r"(coder)\.conv1\.": r"\1.conv_in.",
    r"(coder)\.head\.0\.": r"\1.norm_out.",
    r"(coder)\.head\.2\.": r"\1.conv_out.",
    r"\.middle\.0\.": ".mid_block.resnets.0.",
    r"\.middle\.1\.": ".mid_block.attentions.0.",
    r"\.middle\.2\.": ".mid_block.resnets.1.",
    r"\.downsamples\.": ".down_blocks.",
    r"\.residual\.0\.": ".norm1.",
    r"\.residual\.2\.": ".conv1.",
    r"\.residual\.3\.": ".norm2.",
    r"\.residual\.6\.": ".conv2.",
    r"\.shortcut\.": ".conv_shortcut.",
}
_LDM_BLOCK: Final = re.compile(r"\.(down|up)\.(\d+)\.(?:block\.(\d+)|(?:down|up)sample)\.")
_WAN_BLOCK: Final = re.compile(r"\.upsamples\.(\d+)\.")
_UNUSED: Final = re.compile(r"bn\.num_batches_tracked|model_ema\..*|loss\..*")


def build(
    kind: Any, config: Mapping[str, Any], tensors: "Mapping[str, Tensor]", dtype: "torch.dtype", path: Path
) -> Any:
    """A VAE of the class ``kind`` with these weights, in main memory.

    Raises ModelError that names a tensor of ``path`` that is missing, unexpected or of another size.
    """
    from accelerate import init_empty_weights

    with init_empty_weights():
        model = kind.from_config(config)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: _in_shape(tensor, wanted.get(name, ())) for name, tensor in _named(tensors, kind, config).items()}
    found = {name: tensor for name, tensor in found.items() if not _UNUSED.fullmatch(name)}
    counted = [name for name in wanted if _UNUSED.fullmatch(name)]
    found |= {name: _zero() for name in counted}
    _check({name: tuple(tensor.shape) for name, tensor in found.items()}, wanted, path)
    model.load_state_dict({name: _copied(tensor, dtype) for name, tensor in found.items()}, assign=True)
    return model.eval()


def _named(tensors: "Mapping[str, Tensor]", kind: Any, config: Mapping[str, Any]) -> "Mapping[str, Tensor]":
    """The tensors by diffusers' names."""
    if kind.__name__ == "AutoencoderDC":
        return _of_dc(tensors)
    return {diffusers_name(name, kind.__name__, config): tensor for name, tensor in tensors.items()}


def diffusers_name(name: str, kind: str, config: Mapping[str, Any]) -> str:
    """Diffusers' name for a tensor of a VAE class; one that is diffusers' already stays as it is."""
    table = {"AutoencoderKLHunyuanImage": _HUNYUAN, "AutoencoderKLQwenImage": _WAN}.get(kind, _LDM)
    for theirs, ours in table.items():
        name = re.sub(theirs, ours, name)
    if kind == "AutoencoderKLQwenImage":
        return _WAN_BLOCK.sub(lambda found: _wan_block(int(found[1]), config["num_res_blocks"] + 1), name)
    if kind == "AutoencoderKLHunyuanImage":
        return _LDM_BLOCK.sub(lambda found: _hunyuan_block(found, config["layers_per_block"]), name)
    return _LDM_BLOCK.sub(lambda found: _ldm_block(found, len(config["block_out_channels"]) - 1), name)


def _ldm_block(found: re.Match[str], last: int) -> str:
    """CompVis number the up blocks by resolution, as the down blocks; diffusers number them in order of use."""
    block = int(found[2]) if found[1] == "down" else last - int(found[2])
    within = f"resnets.{found[3]}" if found[3] else f"{found[1]}samplers.0"
    return f".{found[1]}_blocks.{block}.{within}."


def _hunyuan_block(found: re.Match[str], layers: int) -> str:
    each = layers if found[1] == "down" else layers + 1
    return f".{found[1]}_blocks.{int(found[2]) * (each + 1) + (int(found[3]) if found[3] else each)}."


def _wan_block(place: int, layers: int) -> str:
    block, within = divmod(place, layers + 1)
    return f".up_blocks.{block}." + (f"resnets.{within}." if within < layers else "upsamplers.0.")


def _of_dc(tensors: "Mapping[str, Tensor]") -> "Mapping[str, Tensor]":
    from diffusers.loaders.single_file_utils import convert_autoencoder_dc_checkpoint_to_diffusers

    theirs = any(".op_list." in name for name in tensors)
    return convert_autoencoder_dc_checkpoint_to_diffusers(dict(tensors)) if theirs else tensors


def _in_shape(tensor: "Tensor", wanted: tuple[int, ...]) -> "Tensor":
    """Kernels of one pixel as matrices, and those of one frame without it, where the model has them so."""
    alike = tensor.numel() and [side for side in tensor.shape if side > 1] == [side for side in wanted if side > 1]
    return tensor.reshape(wanted) if alike and wanted else tensor


def _copied(tensor: "Tensor", dtype: "torch.dtype") -> "Tensor":
    return tensor.to(dtype, copy=True) if tensor.is_floating_point() else tensor.clone()


def _zero() -> "Tensor":
    import torch

    return torch.zeros((), dtype=torch.long)


def _check(there: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]], path: Path) -> None:
    other = {name for name in there.keys() & wanted.keys() if there[name] != wanted[name]}
    for what, names in (
        ("lacks", wanted.keys() - there.keys()),
        ("has the unexpected", there.keys() - wanted.keys()),
        ("has another size for", other),
    ):
        if names:
            raise ModelError(f"the VAE in '{path}' does not fit this model: it {what} '{min(names)}'; take another")
