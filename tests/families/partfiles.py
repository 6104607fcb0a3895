"""The VAE and the text encoders of a pipeline in files of their own, by their makers' names, as ComfyUI has them."""

import re
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.models import original


def write(pipeline, folder: Path, times: float = 1.0) -> dict[str, Path]:
    """A file for each, its weights multiplied; by their names in diffusers."""
    parts = {name: part for name, part in pipeline.components.items() if name.startswith("text_encoder") and part}
    tensors = {"vae": vae(pipeline.vae)} | {name: encoder(part) for name, part in parts.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in tensors.items():
        many = {key: (each * times if each.is_floating_point() else each) for key, each in made.items()}
        save_file({key: each.contiguous().clone() for key, each in many.items()}, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in tensors}


def encoder(model) -> dict[str, torch.Tensor]:
    """OpenCLIP's names aside, files have transformers' names of old; the head of a language model is left out."""
    state = {
        name.replace("model.language_model.", "model.").replace("model.visual.", "visual."): tensor
        for name, tensor in model.state_dict().items()
    }
    return {name: each for name, each in state.items() if name not in {"lm_head.weight", "encoder.embed_tokens.weight"}}


def vae(model) -> dict[str, torch.Tensor]:
    kind, state = type(model).__name__, dict(model.state_dict())
    if kind == "AutoencoderKLQwenImage":
        return {_wan(name, model.config.num_res_blocks): tensor for name, tensor in state.items()}
    if kind == "AutoencoderKLHunyuanImage":
        return {_hunyuan(name, model.config): _framed(name, tensor) for name, tensor in state.items()}
    if kind == "AutoencoderDC":
        return state
    made = {name.removeprefix("first_stage_model."): tensor for name, tensor in original.vae(model).items()}
    if kind == "AutoencoderKLFlux2":
        made = {re.sub(r"^quant", "encoder.quant", re.sub(r"^post", "decoder.post", name)): made[name] for name in made}
    return made


_RESIDUAL = {"norm1": "residual.0", "conv1": "residual.2", "norm2": "residual.3", "conv2": "residual.6"}


def _wan(name: str, layers: int) -> str:
    """Wan counts a level's blocks and what enlarges it in one row."""
    for ours, theirs in _RESIDUAL.items():
        name = re.sub(rf"\.{ours}\.", f".{theirs}.", name)
    name = re.sub(r"^quant_conv", "conv1", re.sub(r"^post_quant_conv", "conv2", name))
    name = re.sub(r"(encoder|decoder)\.conv_in", r"\1.conv1", name)
    name = re.sub(r"(encoder|decoder)\.norm_out", r"\1.head.0", name)
    name = re.sub(r"(encoder|decoder)\.conv_out", r"\1.head.2", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda told: f"middle.{2 * int(told[1])}", name)
    name = name.replace("mid_block.attentions.0", "middle.1").replace("down_blocks", "downsamples")
    each = layers + 2
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda t: f"upsamples.{each * int(t[1]) + int(t[2])}", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda t: f"upsamples.{each * int(t[1]) + each - 1}", name)
    return name.replace("conv_shortcut", "shortcut")


def _hunyuan(name: str, config) -> str:
    def level(told: re.Match[str]) -> str:
        side, place = told[1], int(told[2])
        layers = config.layers_per_block + (side == "up")
        block, within = divmod(place, layers + 1)
        return f"{side}.{block}." + (f"block.{within}." if within < layers else f"{side}sample.")

    name = re.sub(r"(down|up)_blocks\.(\d+)\.", level, name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda told: f"mid.block_{int(told[1]) + 1}", name)
    name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("attn_1.proj", "attn_1.proj_out")
    return re.sub(r"attn_1\.to_([qkv])", r"attn_1.\1", name)


def _framed(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """As of a video of one frame, which its makers' attention has."""
    return tensor[:, :, None] if "attentions" in name and tensor.ndim == 4 else tensor
