"""The autoencoder: 256×256 pixels to a 32×32 latent of four channels, and back.

An AutoencoderTiny, because it has no normalisation: group norms lose the absolute colour of
flat areas when a picture is larger than the training crops.
"""

import math
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from PIL.Image import Image

from studio.tools.spark.draw import draw

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny
    from torch import Tensor

_NOISE = 0.03  # of the latents' deviation: the decoder must tolerate the noise that the denoiser leaves
_LATENT_PENALTY = 1e-4


def new_autoencoder() -> "AutoencoderTiny":
    """An untrained autoencoder of about half a million parameters."""
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(
        encoder_block_out_channels=(32,) * 4,
        decoder_block_out_channels=(32,) * 4,
        num_encoder_blocks=(0, 1, 2, 4),
        num_decoder_blocks=(4, 3, 1, 1),
        latent_channels=4,
        scaling_factor=1.0,
    )


def as_bytes(image: Image) -> "Tensor":
    """A picture as a (3, height, width) tensor of bytes."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def to_signed(pixels: "Tensor") -> "Tensor":
    """Bytes as numbers from -1 to 1."""
    return pixels.float() / 127.5 - 1


def crops(batch: int, edge: int = 64, pool: int = 1500, start: int = 0) -> Iterator["Tensor"]:
    """Endless batches of crops from a pool of drawings that is slowly replaced.

    Half of a batch are the busier of two crops each: most of a flat picture is flat.
    """
    import torch

    rng, seed = Random(start), start + pool
    pictures = [as_bytes(draw(i, _sides(i)).image) for i in range(start, seed)]
    while True:
        pictures[seed % pool] = as_bytes(draw(seed, _sides(seed)).image)
        seed += 1
        picks = [_crop(pictures, edge, rng) for _ in range(batch // 2)]
        picks += [_busier(_crop(pictures, edge, rng), _crop(pictures, edge, rng)) for _ in range(batch - batch // 2)]
        yield recoloured(to_signed(torch.stack(picks)[torch.randperm(batch)]))


def _sides(seed: int) -> tuple[int, int]:
    """Mostly full size; every third drawing is at half size, where details are finer."""
    return (128, 128) if seed % 3 == 0 else (256, 256)


def _crop(pictures: list["Tensor"], edge: int, rng: Random) -> "Tensor":
    image = rng.choice(pictures)
    top, left = (rng.randint(0, image.shape[1] - edge) for _ in range(2))
    return image[:, top : top + edge, left : left + edge]


def _busier(a: "Tensor", b: "Tensor") -> "Tensor":
    return a if a[1].float().var() > b[1].float().var() else b


def reconstruction_losses(model: "AutoencoderTiny", batches: Iterator["Tensor"]) -> Iterator["Tensor"]:
    """L1 + MSE of decoded noisy latents, with a small penalty on the size of the latents."""
    import torch

    for pixels in batches:
        latents = model.encode(pixels).latents
        noisy = latents + _NOISE * latents.detach().std() * torch.randn_like(latents)
        error = model.decode(noisy).sample - pixels
        yield error.abs().mean() + error.square().mean() + _LATENT_PENALTY * latents.square().mean()


def recoloured(pixels: "Tensor") -> "Tensor":
    """Half of a batch in colours that no drawing has: channels swapped, inverted, and less contrast.

    Without it the autoencoder memorises the palette, and gradients have steps.
    """
    import torch

    half = pixels[: len(pixels) // 2]
    swapped = torch.stack([picture[torch.randperm(3)] for picture in half])
    signs = torch.randint(0, 2, (len(half), 3, 1, 1)) * 2 - 1
    contrast = 0.5 + 0.5 * torch.rand(len(half), 3, 1, 1)
    shift = (1 - contrast) * (2 * torch.rand(len(half), 3, 1, 1) - 1)
    return torch.cat([swapped * signs * contrast + shift, pixels[len(half) :]])


def psnr(model: "AutoencoderTiny", seeds: range = range(10_000_000, 10_000_032)) -> float:
    """Mean PSNR in dB over held-out 256×256 drawings."""
    import torch

    with torch.no_grad():
        values = []
        for seed in seeds:
            pixels = to_signed(as_bytes(draw(seed).image))[None]
            error = (model.decode(model.encode(pixels).latents).sample.clamp(-1, 1) - pixels).square().mean() / 4
            values.append(-10 * math.log10(max(error.item(), 1e-10)))
    return sum(values) / len(values)


def standardise(model: "AutoencoderTiny", seeds: range = range(20_000_000, 20_000_064)) -> None:
    """Give each latent channel mean 0 and deviation 1, by folding both into the outer weights.

    Plain diffusers then decodes correctly with a scaling factor of 1. The decoder's soft clamp,
    ``3 tanh(x / 3)``, makes this slightly inexact, so the decoder is trained a little more afterwards.
    """
    import torch

    with torch.no_grad():
        latents = torch.cat(
            [model.encode(to_signed(as_bytes(draw(seed).image))[None].to(model.device)).latents for seed in seeds]
        )
        mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
        last, first = model.encoder.layers[-1], model.decoder.layers[0]
        last.weight.div_(deviation[:, None, None, None])
        last.bias.sub_(mean).div_(deviation)
        first.bias.add_((first.weight.sum((2, 3)) * mean).sum(1))
        first.weight.mul_(deviation[None, :, None, None])
