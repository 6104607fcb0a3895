"""Latents: how samplers lay them out, and how a decoder expects them.

A sampler's latents are (batch, channels, height, width), or packed: (batch, tokens, 4 · channels), each token a patch
of two by two. They are normalised, by each kind of autoencoder in its own way.
"""

from math import sqrt
from typing import TYPE_CHECKING, Any

from studio.diffusion.memory.offload import execution_device

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def unpacked(latents: "Tensor", ratio: float) -> "Tensor":
    """Latents as (batch, channels, height, width), from any layout; ``ratio`` is the picture's width to its height."""
    if latents.ndim == 5:  # one frame
        return latents.squeeze(2) if latents.shape[2] == 1 else latents.squeeze(1)
    if latents.ndim == 4:
        return latents
    batch, tokens, channels = latents.shape
    rows = round(sqrt(tokens / ratio))
    patches = latents.view(batch, rows, tokens // rows, channels // 4, 2, 2)
    return patches.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels // 4, 2 * rows, -1)


def decoder(pipeline: Any) -> Any:
    """The component of a pipeline that decodes latents."""
    return getattr(pipeline, "vae", None) or pipeline.movq


def channels(vae: Any) -> int:
    """The number of channels of its latents."""
    return int(vae.config.get("latent_channels") or vae.config.z_dim)


def encoded(vae: Any, picture: "Image") -> "Tensor":
    """A sampler's latents (1, channels, height, width) of a picture, in main memory; encoded in full precision."""
    import torch

    own = vae.dtype
    torch.nn.Module.to(vae, torch.float32)  # halves overflow in some; the library's own ``to`` warns of any change
    with torch.no_grad():
        found = vae.encode(_signed(picture).to(vae.device))
    torch.nn.Module.to(vae, own)
    raw = found.latents if hasattr(found, "latents") else found.latent_dist.mode()
    scale, shift = vae.config.get("scaling_factor") or 1, vae.config.get("shift_factor") or 0
    normal: Tensor = (raw - shift) * scale
    return normal.cpu()


def _signed(picture: "Image") -> "Tensor":
    """Pixels (1, 3, height, width) from -1 to 1."""
    import numpy as np
    import torch

    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 127.5 - 1
    return torch.from_numpy(pixels.transpose(2, 0, 1)).unsqueeze(0)


def decoded(vae: Any, latents: "Tensor") -> "Tensor":
    """Pixels (batch, 3, height, width) from -1 to 1, of a sampler's latents (batch, channels, height, width)."""
    import torch

    with torch.no_grad():
        raw = _raw(vae, latents).to(execution_device(vae), vae.dtype)
        if hasattr(vae, "quantize"):
            return _pixels(vae.decode(latents.to(raw), force_not_quantize=True).sample)
        if vae.config.get("temperal_downsample") is not None:  # a decoder of videos
            return _pixels(vae.decode(raw.unsqueeze(2)).sample.squeeze(2))
        return _pixels(vae.decode(raw).sample)


def _pixels(decoded: "Tensor") -> "Tensor":
    return decoded.float().cpu().clamp(-1, 1)


def _raw(vae: Any, latents: "Tensor") -> "Tensor":
    """The latents with their normalisation undone."""
    import torch
    from torch.nn.functional import pixel_shuffle, pixel_unshuffle

    if (norm := getattr(vae, "bn", None)) is not None:  # of each channel of a patch
        deviation = (norm.running_var.to(latents) + vae.config.batch_norm_eps).sqrt().view(1, -1, 1, 1)
        mean = norm.running_mean.to(latents).view(1, -1, 1, 1)
        return pixel_shuffle(pixel_unshuffle(latents, 2) * deviation + mean, 2)
    scale, shift = vae.config.get("scaling_factor") or 1, vae.config.get("shift_factor") or 0
    mean, deviation = vae.config.get("latents_mean"), vae.config.get("latents_std")
    if mean is None or deviation is None:
        return latents / scale + shift
    by_channel = (torch.tensor(each).view(1, -1, 1, 1) for each in (deviation, mean))
    return latents * next(by_channel) / scale + next(by_channel)
