"""Small models of the true architectures with random weights, for the true loading code."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from tests import here

WIDTHS = (32, 32, 64, 64)
POOLED = 1280


def sd1(*, in_channels: int = 4):
    """Stable Diffusion 1 of the true topology, Spark's vocabulary in place of CLIP's."""
    return _one_encoder(768, in_channels=in_channels)


def sd2():
    """Stable Diffusion 2, which listens to OpenCLIP and has linear layers around its attention."""
    return _one_encoder(1024, use_linear_projection=True)


def _one_encoder(width: int, **besides):
    from diffusers import StableDiffusionPipeline

    torch.manual_seed(0)
    vocabulary = _vocabulary()
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=WIDTHS, cross_attention_dim=width, attention_head_dim=8, **besides
    )
    return StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=CLIPTextModel(_clip(vocabulary, width)).eval(),
        tokenizer=vocabulary,
        unet=unet,
        scheduler=_euler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl(*, in_channels: int = 4):
    """Stable Diffusion XL; its second text encoder is as wide as the true one, by which single files are told."""
    from diffusers import StableDiffusionXLPipeline

    torch.manual_seed(0)
    vocabulary = _vocabulary()
    return StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=CLIPTextModel(_clip(vocabulary, 32)).eval(),
        text_encoder_2=CLIPTextModelWithProjection(_clip(vocabulary, POOLED)).eval(),
        tokenizer=vocabulary,
        tokenizer_2=vocabulary,
        unet=_unet_xl(WIDTHS[1:], 32 + POOLED, 6, in_channels),
        scheduler=_euler(),
    )


def sdxl_refiner():
    """The refiner of XL, which has but the second text encoder and is told how fine a picture is."""
    from diffusers import StableDiffusionXLImg2ImgPipeline

    torch.manual_seed(0)
    vocabulary = _vocabulary()
    return StableDiffusionXLImg2ImgPipeline(
        vae=_vae(),
        text_encoder=None,
        text_encoder_2=CLIPTextModelWithProjection(_clip(vocabulary, POOLED)).eval(),
        tokenizer=None,
        tokenizer_2=vocabulary,
        unet=_unet_xl(WIDTHS[1:], POOLED, 5),
        scheduler=_euler(),
        requires_aesthetics_score=True,
    )


def _unet_xl(widths, listens: int, numbers: int, in_channels: int = 4):
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=widths,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 2),
        attention_head_dim=(2, 4, 8),
        cross_attention_dim=listens,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=numbers * 256 + POOLED,
        in_channels=in_channels,
    )


def folder(pipeline, path: Path) -> Path:
    pipeline.save_pretrained(path)
    return path


def _vae():
    return AutoencoderKL(
        block_out_channels=WIDTHS,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        sample_size=64,
    )


def _vocabulary():
    return CLIPTokenizer.from_pretrained(here.card("spark").path / "tokenizer")


def _clip(vocabulary, width: int):
    return CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=width,
        bos_token_id=vocabulary.bos_token_id,
        eos_token_id=vocabulary.eos_token_id,
        pad_token_id=vocabulary.pad_token_id,
    )


def _euler():
    return EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1
    )
