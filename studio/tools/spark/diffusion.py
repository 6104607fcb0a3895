"""The denoiser: a small Stable-Diffusion U-Net that predicts velocity, conditioned on captions.

It is trained on encoded 256×256 drawings, together with the text encoder.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from random import Random
from typing import TYPE_CHECKING

from studio.tools.spark.autocast import autocast
from studio.tools.spark.latents import LatentStore
from studio.tools.spark.text import tokens

if TYPE_CHECKING:
    import torch
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer


def new_unet() -> "UNet2DConditionModel":
    """An untrained U-Net of 14 million parameters.

    Text reaches it in two ways: by cross-attention at the two coarse levels, and pooled into the
    time embedding that scales and shifts every block, with which words are learned much faster.
    """
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(64, 96, 160, 192),
        down_block_types=("DownBlock2D",) * 2 + ("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",) * 2,
        attention_head_dim=(2, 3, 5, 6),
        cross_attention_dim=160,
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=5,
    )


def new_scheduler() -> "DDIMScheduler":
    """The original DDPM noise schedule, with velocity as the target.

    It ends at a signal of 0.6 %, so that the mean colour of a flat picture does not leak
    through the last step, but it never reaches zero, so every sampler can start there.
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_schedule="linear",
        beta_start=0.0001,
        beta_end=0.02,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=True,
    )


class Denoiser:
    """The text encoder and the U-Net, trained together to denoise."""

    def __init__(self, encoder: "CLIPTextModel", unet: "UNet2DConditionModel", tokenizer: "CLIPTokenizer") -> None:
        from torch import nn

        self.tokenizer, self.scheduler = tokenizer, new_scheduler()
        self.modules: nn.ModuleDict = nn.ModuleDict({"text_encoder": encoder, "unet": unet})

    def losses(self, store: LatentStore, batch: int, fresh: int, start: int = 0) -> Iterator["Tensor"]:
        """Mean squared error of the predicted velocity, with timesteps spread evenly over each batch.

        Before each batch ``fresh`` drawings are added to the store, until it is full.
        """
        import torch

        rng = Random(start)
        while True:
            store.grow(fresh)
            latents, words = store.batch(batch, rng)
            yield self.errors(latents, words, torch.randn(latents.shape), _spread_times(batch)).mean()

    def errors(self, latents: "Tensor", words: list[str], noise: "Tensor", times: "Tensor") -> "Tensor":
        """The mean squared error of the velocity predicted for each picture, (n,)."""
        device = next(self.modules.parameters()).device
        latents, noise, times = latents.to(device), noise.to(device), times.to(device)
        noisy = self.scheduler.add_noise(latents, noise, times)
        target = self.scheduler.get_velocity(latents, noise, times)
        with autocast(device), _fast_attention(device):
            states = self.modules["text_encoder"](tokens(self.tokenizer, words).to(device)).last_hidden_state
            velocity = self.modules["unet"](noisy, times, states).sample
        squares: Tensor = (velocity.float() - target).square()
        return squares.mean((1, 2, 3))


def _fast_attention(device: "torch.device") -> AbstractContextManager[None]:
    """The unfused implementation on CPUs, where the backward pass of the fused one takes a fifth of a whole step."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _spread_times(batch: int) -> "Tensor":
    """One random timestep in each of ``batch`` slices of 0 to 999: less noise in the gradient.

    Middle timesteps, which decide shapes, come three times as often as the ends.
    """
    import torch

    even = (torch.arange(batch) + torch.rand(batch)) / batch
    return (1000 * (even + torch.sin(2 * torch.pi * even) / (4 * torch.pi))).long()
