"""Tiny models of each family's true architecture, with random weights, as folders in diffusers' layout.

One builder each, named as the family or as ``family_variant``. ``folder`` saves a model once for a test run.
"""

from pathlib import Path

from tests.families.parts import (
    clip,
    clip_tokenizer,
    ddim,
    flow,
    flux_vae,
    gemma,
    gemma_tokenizer,
    llama,
    llama_tokenizer,
    qwen3,
    qwen_tokenizer,
    qwen_vl,
    t5,
    t5_tokenizer,
    umt5,
    unet,
    vae,
)

ALONE = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def sd1(**besides):
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline(
        vae=vae(),
        text_encoder=clip(),
        tokenizer=clip_tokenizer(),
        unet=unet(32, **besides),
        scheduler=ddim(),
        **ALONE,
    )


def sd1_inpaint():
    from diffusers import StableDiffusionInpaintPipeline

    return StableDiffusionInpaintPipeline(
        **sd1(in_channels=9, out_channels=4).components, requires_safety_checker=False
    )


def sd2():
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline(
        vae=vae(),
        text_encoder=clip(),
        tokenizer=clip_tokenizer(),
        unet=unet(32, use_linear_projection=True, attention_head_dim=(2, 4)),
        scheduler=ddim(prediction_type="v_prediction"),
        **ALONE,
    )


def sd2_base():
    pipeline = sd2()
    pipeline.register_modules(scheduler=ddim())
    return pipeline


SDXL = {
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "attention_head_dim": (2, 4),
    "transformer_layers_per_block": (1, 2),
}


def sdxl(**besides):
    from diffusers import StableDiffusionXLPipeline

    return StableDiffusionXLPipeline(
        vae=vae(force_upcast=True),
        text_encoder=clip(),
        text_encoder_2=clip(24, projects=True),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=unet(32 + 24, projection_class_embeddings_input_dim=6 * 8 + 24, **SDXL, **besides),
        scheduler=ddim(),
    )


def sdxl_inpaint():
    from diffusers import StableDiffusionXLInpaintPipeline

    return StableDiffusionXLInpaintPipeline(**sdxl(in_channels=9, out_channels=4).components)


def sdxl_turbo():
    from diffusers import EulerAncestralDiscreteScheduler

    pipeline = sdxl()
    pipeline.register_modules(scheduler=EulerAncestralDiscreteScheduler(timestep_spacing="trailing"))
    return pipeline


def sdxl_lcm():
    from diffusers import LCMScheduler

    pipeline = sdxl(time_cond_proj_dim=16)
    pipeline.register_modules(scheduler=LCMScheduler())
    return pipeline


def sdxl_refiner():
    from diffusers import StableDiffusionXLImg2ImgPipeline

    return StableDiffusionXLImg2ImgPipeline(
        vae=vae(force_upcast=True),
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=clip(24, projects=True),
        tokenizer_2=clip_tokenizer(),
        unet=unet(24, projection_class_embeddings_input_dim=5 * 8 + 24, **SDXL),
        scheduler=ddim(),
        requires_aesthetics_score=True,
    )


def sd3(**besides):
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=8,
            in_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=64,
            caption_projection_dim=16,
            pooled_projection_dim=32 + 24,
            pos_embed_max_size=16,
            **besides,
        ),
        scheduler=flow(),
        vae=vae(16, scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=clip(32, projects=True),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip(24, projects=True),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5(64),
        tokenizer_3=t5_tokenizer(),
    )


def sd3_medium():
    return sd3(qk_norm="rms_norm", dual_attention_layers=(0,))


def sd3_large():
    return sd3(qk_norm="rms_norm")


def _flux1(pipeline, in_channels=64, guided=True):
    from diffusers import FluxTransformer2DModel

    return pipeline(
        scheduler=flow(use_dynamic_shifting=True),
        vae=flux_vae(),
        text_encoder=clip(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=t5(),
        tokenizer_2=t5_tokenizer(),
        transformer=FluxTransformer2DModel(
            in_channels=in_channels,
            out_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            guidance_embeds=guided,
            axes_dims_rope=(4, 4, 8),
        ),
    )


def flux1():
    from diffusers import FluxPipeline

    return _flux1(FluxPipeline)


def flux1_schnell():
    from diffusers import FluxPipeline

    return _flux1(FluxPipeline, guided=False)


def flux1_fill():
    from diffusers import FluxFillPipeline

    return _flux1(FluxFillPipeline, in_channels=384)


def flux1_control():
    from diffusers import FluxControlPipeline

    return _flux1(FluxControlPipeline, in_channels=128)


def flux1_kontext():
    from diffusers import FluxKontextPipeline

    return _flux1(FluxKontextPipeline)


def flux2(distilled=True):
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel

    return Flux2KleinPipeline(
        scheduler=flow(use_dynamic_shifting=True),
        vae=AutoencoderKLFlux2(
            block_out_channels=(8, 8, 8, 8), latent_channels=8, layers_per_block=1, norm_num_groups=4
        ),
        text_encoder=qwen3(16, layers=28),
        tokenizer=qwen_tokenizer(),
        transformer=Flux2Transformer2DModel(
            in_channels=32,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=3 * 16,
            timestep_guidance_channels=16,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ),
        is_distilled=distilled,
    )


def flux2_base():
    return flux2(distilled=False)


def qwen_image():
    from diffusers import AutoencoderKLQwenImage, QwenImagePipeline, QwenImageTransformer2DModel

    return QwenImagePipeline(
        scheduler=flow(use_dynamic_shifting=True),
        vae=AutoencoderKLQwenImage(base_dim=8, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
        text_encoder=qwen_vl(),
        tokenizer=qwen_tokenizer(),
        transformer=QwenImageTransformer2DModel(
            in_channels=64,
            out_channels=16,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 4, 8),
        ),
    )


def z_image(shift=6.0):
    from diffusers import ZImagePipeline, ZImageTransformer2DModel

    return ZImagePipeline(
        scheduler=flow(shift=shift),
        vae=flux_vae(),
        text_encoder=qwen3(),
        tokenizer=qwen_tokenizer(),
        transformer=ZImageTransformer2DModel(
            dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=32, axes_dims=[4, 4, 8]
        ),
    )


def z_image_turbo():
    return z_image(shift=3.0)


def chroma():
    from diffusers import ChromaPipeline, ChromaTransformer2DModel

    return ChromaPipeline(
        scheduler=flow(shift=1.0),
        vae=flux_vae(),
        text_encoder=t5(),
        tokenizer=t5_tokenizer(),
        transformer=ChromaTransformer2DModel(
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=8,
            approximator_hidden_dim=32,
            approximator_layers=1,
        ),
    )


def pixart():
    from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel

    return PixArtSigmaPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5(),
        vae=vae(),
        transformer=PixArtTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=8,
            in_channels=4,
            out_channels=8,
            num_layers=2,
            cross_attention_dim=16,
            sample_size=128,
            caption_channels=32,
            use_additional_conditions=False,
        ),
        scheduler=DPMSolverMultistepScheduler(),
    )


def _sana_parts(**besides):
    from diffusers import AutoencoderDC, SanaTransformer2DModel

    return {
        "tokenizer": gemma_tokenizer(),
        "text_encoder": gemma(),
        "vae": AutoencoderDC(
            latent_channels=4,
            attention_head_dim=2,
            encoder_block_types=("ResBlock",) * 5 + ("EfficientViTBlock",),
            decoder_block_types=("ResBlock",) * 5 + ("EfficientViTBlock",),
            encoder_block_out_channels=(8,) * 6,
            decoder_block_out_channels=(8,) * 6,
            encoder_layers_per_block=(1,) * 6,
            decoder_layers_per_block=(1,) * 6,
            encoder_qkv_multiscales=((), (), (), (), (), (5,)),
            decoder_qkv_multiscales=((), (), (), (), (), (5,)),
            downsample_block_type="conv",
            upsample_block_type="interpolate",
            scaling_factor=0.41407,
        ),
        "transformer": SanaTransformer2DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=8,
            num_layers=1,
            num_cross_attention_heads=2,
            cross_attention_head_dim=8,
            cross_attention_dim=16,
            caption_channels=32,
            **besides,
        ),
    }


def sana():
    from diffusers import DPMSolverMultistepScheduler, SanaPipeline

    scheduler = DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, algorithm_type="dpmsolver++"
    )
    return SanaPipeline(scheduler=scheduler, **_sana_parts())


def sana_sprint():
    from diffusers import SanaSprintPipeline, SCMScheduler

    parts = _sana_parts(guidance_embeds=True, qk_norm="rms_norm_across_heads", timestep_scale=1000.0)
    return SanaSprintPipeline(scheduler=SCMScheduler(prediction_type="trigflow", sigma_data=0.5), **parts)


def lumina2():
    from diffusers import Lumina2Pipeline, Lumina2Transformer2DModel

    return Lumina2Pipeline(
        transformer=Lumina2Transformer2DModel(
            sample_size=8,
            hidden_size=24,
            num_layers=1,
            num_refiner_layers=1,
            num_attention_heads=2,
            num_kv_heads=1,
            multiple_of=8,
            axes_dim_rope=(4, 4, 4),
            axes_lens=(1024, 64, 64),
            cap_feat_dim=32,
        ),
        scheduler=flow(shift=6.0),
        vae=flux_vae(),
        text_encoder=gemma(),
        tokenizer=gemma_tokenizer(),
    )


def hidream():
    from diffusers import HiDreamImagePipeline, HiDreamImageTransformer2DModel

    return HiDreamImagePipeline(
        scheduler=flow(),
        vae=flux_vae(),
        text_encoder=clip(32, projects=True, longest=248),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip(24, projects=True, longest=248),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5(),
        tokenizer_3=t5_tokenizer(),
        text_encoder_4=llama(),
        tokenizer_4=llama_tokenizer(),
        transformer=HiDreamImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=1,
            caption_channels=[32, 32],
            text_emb_dim=32 + 24,
            axes_dims_rope=(4, 2, 2),
            max_resolution=(128, 128),
            llama_layers=[0, 1],
        ),
    )


def hunyuan_image(distilled=False):
    from diffusers import AutoencoderKLHunyuanImage, HunyuanImagePipeline, HunyuanImageTransformer2DModel
    from diffusers.guiders import AdaptiveProjectedMixGuidance
    from transformers import ByT5Tokenizer

    letters = ByT5Tokenizer()
    return HunyuanImagePipeline(
        scheduler=flow(shift=5.0),
        vae=AutoencoderKLHunyuanImage(
            in_channels=3,
            out_channels=3,
            latent_channels=8,
            block_out_channels=(32, 32, 32, 32, 32, 32),
            layers_per_block=1,
            spatial_compression_ratio=32,
            sample_size=64,
            scaling_factor=0.75289,
        ),
        text_encoder=qwen_vl(),
        tokenizer=qwen_tokenizer(),
        text_encoder_2=t5(),
        tokenizer_2=letters,
        transformer=HunyuanImageTransformer2DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=8,
            num_layers=1,
            num_single_layers=1,
            num_refiner_layers=1,
            patch_size=(1, 1),
            guidance_embeds=distilled,
            text_embed_dim=32,
            text_embed_2_dim=32,
            rope_axes_dim=(4, 4),
        ),
        guider=None if distilled else AdaptiveProjectedMixGuidance(),
        ocr_guider=None if distilled else AdaptiveProjectedMixGuidance(),
    )


def hunyuan_image_distilled():
    return hunyuan_image(distilled=True)


def auraflow():
    from diffusers import AuraFlowPipeline, AuraFlowTransformer2DModel

    return AuraFlowPipeline(
        tokenizer=llama_tokenizer(),
        text_encoder=umt5(),
        vae=vae(),
        transformer=AuraFlowTransformer2DModel(
            sample_size=8,
            in_channels=4,
            num_mmdit_layers=1,
            num_single_dit_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=32,
            caption_projection_dim=16,
            pos_embed_max_size=64,
        ),
        scheduler=flow(shift=1.73),
    )


def kandinsky3():
    from diffusers import DDPMScheduler, Kandinsky3Pipeline, Kandinsky3UNet, VQModel

    return Kandinsky3Pipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5(),
        unet=Kandinsky3UNet(
            in_channels=4,
            time_embedding_dim=4,
            groups=2,
            attention_head_dim=4,
            layers_per_block=3,
            block_out_channels=(32, 64),
            cross_attention_dim=4,
            encoder_hid_dim=32,
        ),
        scheduler=DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="squaredcos_cap_v2"),
        movq=VQModel(
            block_out_channels=(32, 32, 32, 32),
            down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
            up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3,
            latent_channels=4,
            norm_num_groups=4,
            norm_type="spatial",
            num_vq_embeddings=12,
            vq_embed_dim=4,
        ),
    )


MODELS = (
    sd1,
    sd1_inpaint,
    sd2,
    sd2_base,
    sdxl,
    sdxl_inpaint,
    sdxl_turbo,
    sdxl_lcm,
    sdxl_refiner,
    sd3,
    sd3_medium,
    sd3_large,
    flux1,
    flux1_schnell,
    flux1_fill,
    flux1_control,
    flux1_kontext,
    flux2,
    flux2_base,
    qwen_image,
    z_image,
    z_image_turbo,
    chroma,
    pixart,
    sana,
    sana_sprint,
    lumina2,
    hidream,
    hunyuan_image,
    hunyuan_image_distilled,
    auraflow,
    kandinsky3,
)
BUILDERS = {build.__name__: build for build in MODELS}


def folder(name: str, where: Path) -> Path:
    """Where the model ``name`` lies below ``where``; built when first asked for."""
    import torch

    path = where / name
    if not path.exists():
        torch.manual_seed(0)
        BUILDERS[name]().save_pretrained(path)
    return path
