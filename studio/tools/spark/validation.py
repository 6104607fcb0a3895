"""The validation loss of a denoiser on held-out drawings, by quarters of the timesteps.

Drawings, captions, noise and timesteps are the same for every model, so two models can be compared after minutes,
long before their pictures can.
"""

from random import Random
from typing import TYPE_CHECKING, Final

from studio.tools.spark.autoencoder import as_bytes, to_signed
from studio.tools.spark.captions import caption
from studio.tools.spark.diffusion import Denoiser
from studio.tools.spark.draw import draw

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny
    from torch import Tensor

_FIRST: Final = 30_000_000  # far from the seeds of training and evaluation
_AT_ONCE: Final = 32


class Validation:
    """``count`` held-out drawings of ``edge`` × ``edge`` pixels with fixed noise and timesteps spread over 0–999."""

    def __init__(self, vae: "AutoencoderTiny", edge: int = 256, count: int = 256) -> None:
        import torch

        drawings = [draw(_FIRST + n, (edge, edge)) for n in range(count)]
        with torch.no_grad():
            self.latents = torch.cat(
                [vae.encode(to_signed(as_bytes(d.image))[None].to(vae.device)).latents.float().cpu() for d in drawings]
            )
        self.words = [caption(d.truth, Random(n)) for n, d in enumerate(drawings)]
        self.noise = torch.randn(self.latents.shape, generator=torch.Generator().manual_seed(0))
        spread = torch.randperm(count, generator=torch.Generator().manual_seed(1))
        self.times = (1000 * (spread + 0.5) / count).long()

    def quarters(self, denoiser: Denoiser) -> list[float]:
        """The mean error of the predicted velocity at timesteps 0–249, 250–499, 500–749 and 750–999."""
        import torch

        with torch.no_grad():
            parts = [slice(n, n + _AT_ONCE) for n in range(0, len(self.words), _AT_ONCE)]
            errors = torch.cat([self._errors(denoiser, part) for part in parts])
        return [errors[self.times // 250 == quarter].mean().item() for quarter in range(4)]

    def _errors(self, denoiser: Denoiser, part: slice) -> "Tensor":
        return denoiser.errors(self.latents[part], self.words[part], self.noise[part], self.times[part]).cpu()
