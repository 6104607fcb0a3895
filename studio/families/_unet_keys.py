"""The original names of the U-Net's modules, in all versions of Stable Diffusion."""

from types import MappingProxyType
from typing import Final

from studio.families.base.state_dict_keys import StateDictKeys


def _resnet(theirs: str, ours: str) -> dict[str, str]:
    parts = {
        "in_layers.0": "norm1",
        "in_layers.2": "conv1",
        "emb_layers.1": "time_emb_proj",
        "out_layers.0": "norm2",
        "out_layers.3": "conv2",
        "skip_connection": "conv_shortcut",
    }
    return {f"{theirs}.{part}": f"{ours}.{name}" for part, name in parts.items()}


def _unet() -> dict[str, str]:
    """Names for up to four levels, of two blocks down and three up; for models with three levels some are unused."""
    names = {
        "time_embed.0": "time_embedding.linear_1",
        "time_embed.2": "time_embedding.linear_2",
        "label_emb.0.0": "add_embedding.linear_1",
        "label_emb.0.2": "add_embedding.linear_2",
        "input_blocks.0.0": "conv_in",
        "out.0": "conv_norm_out",
        "out.2": "conv_out",
        "middle_block.1": "mid_block.attentions.0",
    }
    for n in range(2):
        names |= _resnet(f"middle_block.{2 * n}", f"mid_block.resnets.{n}")
    for level in range(4):
        names[f"input_blocks.{3 * level + 3}.0.op"] = f"down_blocks.{level}.downsamplers.0.conv"
        for after in (1, 2):  # after an attention block, if there is one
            names[f"output_blocks.{3 * level + 2}.{after}.conv"] = f"up_blocks.{level}.upsamplers.0.conv"
        for n in range(2):
            names |= _resnet(f"input_blocks.{3 * level + n + 1}.0", f"down_blocks.{level}.resnets.{n}")
            names[f"input_blocks.{3 * level + n + 1}.1"] = f"down_blocks.{level}.attentions.{n}"
        for n in range(3):
            names |= _resnet(f"output_blocks.{3 * level + n}.0", f"up_blocks.{level}.resnets.{n}")
            names[f"output_blocks.{3 * level + n}.1"] = f"up_blocks.{level}.attentions.{n}"
    return names


UNET_KEYS: Final = StateDictKeys(MappingProxyType(_unet()))
