"""The denoiser: a small Stable-Diffusion U-Net that predicts velocity, guided by the captions.

It learns on encoded 256×256 drawings, with the text encoder.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Final

from studio.spark.autoencoder import as_bytes, to_signed
from studio.spark.captions import caption
from studio.spark.draw import draw
from studio.spark.text import tokens
from studio.spark.truth import Truth

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderTiny, DDIMScheduler, UNet2DConditionModel
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

_UNCONDITIONAL: Final = 0.1  # share of empty captions, for classifier-free guidance
_ENCODE: Final = 32  # drawings encoded at once


def new_unet() -> "UNet2DConditionModel":
    """An untrained U-Net of 13.5 million parameters.

    Text reaches it twice: by cross-attention at the two coarse levels, and pooled into the
    time embedding that scales and shifts every block, which binds words far sooner.
    """
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(48, 96, 160, 192),
        down_block_types=("DownBlock2D",) * 2 + ("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",) * 2,
        attention_head_dim=(1, 3, 5, 6),
        cross_attention_dim=160,
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=5,
    )


def new_scheduler() -> "DDIMScheduler":
    """The original DDPM noise schedule, with velocity as the target.

    It ends at a signal of 0.6 %, so that the mean colour of a flat picture does not leak
    through the last step, and yet it never reaches zero, so every sampler can start there.
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


class Pool:
    """Encoded drawings that are slowly replaced by fresh ones."""

    def __init__(self, vae: "AutoencoderTiny", size: int, start: int) -> None:
        import torch

        self.vae, self.next = vae.to(memory_format=torch.channels_last), start
        self.latents: list[Tensor] = []
        self.truths: list[Truth] = []
        while len(self.truths) < size:
            self._append(_ENCODE)

    def _append(self, count: int) -> None:
        import torch

        device = self.vae.device
        drawings = [draw(seed) for seed in range(self.next, self.next + count)]
        pixels = torch.stack([to_signed(as_bytes(d.image)) for d in drawings]).to(device)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=_fast_in_bf16(device)):
            latents = self.vae.encode(pixels.contiguous(memory_format=torch.channels_last)).latents
        self.latents += latents.float().cpu().unbind()
        self.truths += [d.truth for d in drawings]
        self.next += count

    def refresh(self, count: int) -> None:
        """Replace the oldest ``count`` drawings."""
        del self.latents[:count], self.truths[:count]
        self._append(count)

    def batch(self, size: int, rng: Random) -> tuple["Tensor", list[str]]:
        """Latents (size, 4, 32, 32) and a fresh wording for each."""
        import torch

        picks = [rng.randrange(len(self.truths)) for _ in range(size)]
        words = ["" if rng.random() < _UNCONDITIONAL else caption(self.truths[i], rng) for i in picks]
        return torch.stack([self.latents[i] for i in picks]), words


class Denoiser:
    """The text encoder and the U-Net, trained together against noise."""

    def __init__(self, encoder: "CLIPTextModel", unet: "UNet2DConditionModel", tokenizer: "CLIPTokenizer") -> None:
        from torch import nn

        self.tokenizer, self.scheduler = tokenizer, new_scheduler()
        self.modules: nn.ModuleDict = nn.ModuleDict({"text_encoder": encoder, "unet": unet})

    def losses(self, pool: Pool, batch: int, fresh: int, start: int = 0) -> Iterator["Tensor"]:
        """Mean squared error of the predicted velocity, times spread evenly over each batch."""
        rng = Random(start)
        while True:
            pool.refresh(fresh)
            latents, words = pool.batch(batch, rng)
            yield self._loss(latents, words)

    def _loss(self, latents: "Tensor", words: list[str]) -> "Tensor":
        import torch

        device = next(self.modules.parameters()).device
        latents, noise = latents.to(device), torch.randn(latents.shape, device=device)
        times = _spread_times(len(words)).to(device)
        noisy = self.scheduler.add_noise(latents, noise, times)
        target = self.scheduler.get_velocity(latents, noise, times)
        with (
            torch.autocast(device.type, torch.bfloat16, enabled=_fast_in_bf16(device)),
            _fast_attention(device),
        ):
            states = self.modules["text_encoder"](tokens(self.tokenizer, words).to(device)).last_hidden_state
            velocity = self.modules["unet"](noisy, times, states).sample
        loss: Tensor = (velocity.float() - target).square().mean()
        return loss


def _fast_attention(device: "torch.device") -> AbstractContextManager[None]:
    """On CPUs the plain way: going back through the fused one takes a fifth of a whole step."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


@cache
def _fast_in_bf16(device: "torch.device") -> bool:
    """GPUs, and the CPUs that are quicker in it: tried, since some have the instructions and gain nothing."""
    import torch

    if device.type != "cpu":
        return device.type == "cuda"
    if not torch.cpu.get_capabilities().get("avx512_bf16", False):
        return False  # emulated, many times slower
    return _product_time(torch.bfloat16) < 0.8 * _product_time(torch.float32)


def _product_time(dtype: "torch.dtype") -> float:
    """Seconds of the quickest of five products of two 1024×1024 matrices."""
    import torch

    matrix, times = torch.ones(1024, 1024, dtype=dtype), []
    for _ in range(6):
        began = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - began)
    return min(times[1:])


def _spread_times(batch: int) -> "Tensor":
    """One random time in each of ``batch`` slices of 0 to 999: less noise in the gradient.

    Middle times, where shapes are decided, come three times as often as the ends.
    """
    import torch

    even = (torch.arange(batch) + torch.rand(batch)) / batch
    return (1000 * (even + torch.sin(2 * torch.pi * even) / (4 * torch.pi))).long()
