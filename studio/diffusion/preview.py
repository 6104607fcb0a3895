"""Previews: what a picture looks like so far, at nearly no cost, by a linear map from latents to colours.

The map is fitted once for each model, by decoding smooth random latents. Previews show the clean latents that the
sampler predicts at each step, not the noisy ones.
"""

import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PIL import Image

from studio.diffusion.latents import channels, decoded, decoder, unpacked

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor

Show = Callable[[int, bytes], None]
"""Called with the picture's place in the batch, from 0, and a JPEG."""

_SHARE: Final = 0.03  # of the time that previews may cost
_PAUSE: Final = 0.1  # seconds between two at least
_EDGE: Final = 256  # pixels of a preview's longer side


class Previews:
    """Shows the pictures of one pipeline call, so often that they take at most 3 % of its time.

    ``ratio`` is their width to their height.
    """

    def __init__(self, colours: "Tensor", show: Show, ratio: float = 1) -> None:
        self._colours, self._show, self._ratio = colours, show, ratio
        self._last, self._cost = time.monotonic(), 0.0

    def offer(self, latents: "Tensor") -> None:
        """Show a sampler's latents, unless the last ones were shown too recently."""
        began = time.monotonic()
        if began - self._last < max(_PAUSE, self._cost / _SHARE):
            return
        for n, jpeg in enumerate(jpegs(unpacked(latents, self._ratio), self._colours)):
            self._show(n, jpeg)
        self._last = time.monotonic()
        self._cost = self._last - began


def fit(pipeline: "DiffusionPipeline", seed: int = 0) -> "Tensor":
    """The map (channels + 1, 3) from a latent and a one to colours from 0 to 1, by least squares."""
    import torch
    from torch.nn.functional import adaptive_avg_pool2d, interpolate

    vae = decoder(pipeline)
    noise = torch.randn(16, channels(vae), 3, 3, generator=torch.Generator("cpu").manual_seed(seed))
    edge = max(8, 128 // getattr(pipeline, "vae_scale_factor", 8))  # of small pictures, whatever the compression
    smooth = interpolate(noise, size=(edge, edge), mode="bicubic")
    pixels = decoded(vae, smooth) / 2 + 0.5
    colours = adaptive_avg_pool2d(pixels, edge).permute(0, 2, 3, 1)
    inside = slice(2, -2)  # at the border decoders pad, and colours drift
    asked, wanted = _with_one(smooth)[:, inside, inside], colours[:, inside, inside]
    solved: Tensor = torch.linalg.lstsq(asked.flatten(0, 2), wanted.flatten(0, 2)).solution
    return solved


def jpegs(latents: "Tensor", colours: "Tensor") -> list[bytes]:
    """Latents (batch, channels, height, width) as small JPEG files."""
    pixels = (_with_one(latents.detach().float().cpu()) @ colours).clamp(0, 1).mul(255).byte().numpy()
    return [_jpeg(Image.fromarray(picture)) for picture in pixels]


def _with_one(latents: "Tensor") -> "Tensor":
    import torch

    last = latents.permute(0, 2, 3, 1)
    return torch.cat([last, torch.ones_like(last[..., :1])], -1)


def _jpeg(small: Image.Image) -> bytes:
    scale = _EDGE / max(small.size)
    size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
    stream = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=80)
    return stream.getvalue()
