"""Models of true architectures with random weights, large enough that their memory can be measured."""

from tests import here
from tests.diffusion import small


def sd1(folder, inner=512):
    """A Stable Diffusion 1 of 150 MB, more with a text encoder of wider ``inner`` layers; returns its folder."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel

    unet = UNet2DConditionModel(
        block_out_channels=(64, 128, 256, 256),
        cross_attention_dim=128,
        attention_head_dim=8,
        norm_num_groups=16,
        sample_size=32,
    )
    parts = {
        "unet": unet,
        "text_encoder": _clip(128, inner=inner),
        "vae": _vae(),
        "tokenizer": _words(),
        "scheduler": _euler(),
    }
    besides = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    StableDiffusionPipeline(**parts, **besides).save_pretrained(folder)
    return folder


def sdxl(folder):
    """An SDXL of 230 MB; returns its folder."""
    from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel

    unet = UNet2DConditionModel(
        block_out_channels=(64, 128, 256),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 4),
        attention_head_dim=(2, 4, 8),
        cross_attention_dim=384,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=6 * 32 + 256,
        norm_num_groups=16,
        sample_size=32,
    )
    StableDiffusionXLPipeline(
        unet=unet,
        vae=_vae(),
        text_encoder=_clip(128),
        text_encoder_2=_clip(256, "CLIPTextModelWithProjection"),
        tokenizer=_words(),
        tokenizer_2=_words(),
        scheduler=_euler(),
    ).save_pretrained(folder)
    return folder


def parts(folder, model):
    """Parts for the Stable Diffusion 1 in the folder ``model``, by their names here; returns their paths."""
    from diffusers import T2IAdapter, UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(model, subfolder="unet")
    T2IAdapter(channels=list(unet.config.block_out_channels), num_res_blocks=2).save_pretrained(folder / "adapter")
    ip = small.ip_adapter(folder / "ip", unet=unet)
    small.image_encoder(folder / "ip", hidden_size=512, intermediate_size=2048, num_hidden_layers=12)
    _vae((64, 128, 128, 128)).save_pretrained(folder / "vae")
    nets = [small.controlnet(folder / name, seed, unet) for seed, name in enumerate(("net", "other net"))]
    return {"nets": nets, "adapter": str(folder / "adapter"), "ip": ip, "vae": str(folder / "vae")}


def _vae(channels=(32, 64, 128, 128)):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=2,
        norm_num_groups=8,
        sample_size=1024,
    )


def _clip(width, kind="CLIPTextModel", inner=None):
    import transformers

    config = transformers.CLIPTextConfig(
        vocab_size=927,
        hidden_size=width,
        intermediate_size=inner or 4 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        projection_dim=width,
        bos_token_id=925,
        eos_token_id=926,
        pad_token_id=926,
    )
    return getattr(transformers, kind)(config)


def _words():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(here.card("spark").path / "tokenizer")


def _euler():
    from diffusers import EulerDiscreteScheduler

    return EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1)
