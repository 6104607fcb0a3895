"""Latents as samplers lay them out; that each family's are decoded as its pipeline does is tried in the table."""

import pytest
import torch
from diffusers import FluxPipeline
from PIL import Image

from studio.diffusion.latents import encoded, unpacked


@pytest.mark.parametrize(("width", "height"), [(64, 64), (128, 64), (64, 192), (1344, 768)])
def test_packed_latents_are_laid_out_as_the_pipeline_does(width, height):
    rows, columns = height // 8, width // 8
    latents = torch.randn(2, 16, rows, columns)
    packed = FluxPipeline._pack_latents(latents, 2, 16, rows, columns)
    assert torch.equal(unpacked(packed, width / height), latents)


def test_others_stay_and_a_single_frame_is_taken_out():
    latents = torch.randn(2, 4, 8, 8)
    assert unpacked(latents, 1) is latents
    assert torch.equal(unpacked(latents.unsqueeze(2), 1), latents)
    assert torch.equal(unpacked(latents.unsqueeze(1), 1), latents)


@pytest.mark.parametrize("family", ["sd1", "sdxl", "sd3", "flux1"])
def test_a_picture_is_encoded_as_the_pipeline_that_starts_from_one_does(family, card):
    from diffusers import AutoencoderKL
    from diffusers.image_processor import VaeImageProcessor

    picture = Image.effect_noise((64, 64), 90).convert("RGB")
    vae = AutoencoderKL.from_pretrained(card(family).path / "vae", dtype=torch.float16)
    latents = encoded(vae, picture)
    assert vae.dtype == torch.float16
    with torch.no_grad():
        mode = vae.float().encode(VaeImageProcessor().preprocess(picture)).latent_dist.mode()
    shift = vae.config.shift_factor or 0
    torch.testing.assert_close(latents, (mode - shift) * vae.config.scaling_factor)
