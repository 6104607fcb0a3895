import pytest
import torch

from studio.lora.formats import base_detect
from studio.lora.formats.file import LoraFile
from tests.lora import files


def guessed(tensors, tmp_path):
    found = base_detect.families(LoraFile.read(files.write(tensors, tmp_path / "x.safetensors")))
    return [family.name for family in found]


@pytest.mark.parametrize(
    ("target", "weight", "names"),
    [
        ("lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k", (1280, 768), ["sd1"]),
        ("lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k", (1280, 1024), ["sd2"]),
        ("lora_unet_input_blocks_7_1_transformer_blocks_0_attn2_to_k", (1280, 2048), ["sdxl"]),
        ("unet.down_blocks.2.attentions.0.transformer_blocks.9.attn1.to_q", (1280, 1280), ["sdxl"]),
        ("lora_unet_input_blocks_7_1_transformer_blocks_9_attn1_to_q", (1280, 1280), ["sdxl"]),
        ("lora_unet_joint_blocks_0_x_block_attn_qkv", (4608, 1536), ["sd3"]),
        ("transformer.transformer_blocks.3.attn.to_q", (1536, 1536), ["sd3"]),
        ("lora_unet_single_blocks_0_linear2", (3072, 15360), ["chroma", "flux1"]),
        ("transformer.single_transformer_blocks.0.attn.to_q", (3072, 3072), ["chroma", "flux1"]),
        ("diffusion_model.single_blocks.0.linear2", (3072, 12288), ["flux2"]),
        ("transformer.single_transformer_blocks.0.attn.to_out", (3072, 12288), ["flux2"]),
        ("transformer_blocks.59.attn.to_q", (3072, 3072), ["qwen_image"]),
        ("transformer_blocks.0.img_mlp.net.0.proj", (12288, 3072), ["qwen_image"]),
        ("diffusion_model.layers.0.attention.qkv", (11520, 3840), ["z_image"]),
        ("lora_te_text_model_encoder_layers_0_mlp_fc1", (3072, 768), []),
    ],
)
def test_the_family_is_told_by_names_and_widths(tmp_path, target, weight, names):
    assert guessed(files.kohya(target, weight, rank=1), tmp_path) == names
    whole = {f"{target}.lokr_w1": torch.ones(2, 2), f"{target}.lokr_w2": torch.ones(weight[0] // 2, weight[1] // 2)}
    assert guessed(whole, tmp_path) == names


def test_one_width_that_is_not_the_familys_is_enough_to_rule_it_out(tmp_path):
    target = "unet.up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
    odd = files.kohya(target, (64, 768)) | files.kohya(f"{target}.attn2.to_k", (64, 2048))
    assert guessed(odd, tmp_path) == []
