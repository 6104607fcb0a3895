"""A file of encoded drawings that grows while the denoiser is trained.

Row n is the latent of the drawing ``first + n`` in fp16. The caption follows from that number, so nothing else is
stored, and an incomplete last row is ignored.
"""

import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from studio.tools.spark.autocast import autocast
from studio.tools.spark.autoencoder import as_bytes, to_signed
from studio.tools.spark.captions import caption
from studio.tools.spark.draw import draw
from studio.tools.spark.labels import choose

if TYPE_CHECKING:
    import numpy as np
    from diffusers import AutoencoderTiny
    from torch import Tensor

_UNCONDITIONAL: Final = 0.1  # share of empty captions, for classifier-free guidance
_AT_ONCE: Final = 32  # drawings encoded together
_TESTED: Final = 16  # rows compared with new encodings when the file is opened
_ALIKE: Final = 0.05  # tolerance for the same drawing encoded again: bf16 on one machine, fp32 on another


class LatentStore:
    """Latents of drawings of ``edge`` × ``edge`` pixels, appended to ``path``; at most ``capacity`` of them.

    A file whose first rows differ from what the drawings and the autoencoder give now is replaced.
    """

    def __init__(self, path: Path, vae: "AutoencoderTiny", edge: int, capacity: int, first: int = 1) -> None:
        import torch

        self.path, self.vae, self.edge, self.capacity, self.first = path, vae, edge, capacity, first
        self.shape: tuple[int, int, int] = (vae.config.latent_channels, edge // 8, edge // 8)
        self._opened = 0
        fresh = self._encoded(range(first, first + _TESTED))
        rows = list(range(_TESTED))
        if len(self) < _TESTED or not torch.allclose(self._rows(rows), fresh.float(), atol=_ALIKE, rtol=_ALIKE):
            path.unlink(missing_ok=True)
            self._append(fresh)

    def __len__(self) -> int:
        """How many complete rows the file has."""
        return self.path.stat().st_size // self._row_bytes if self.path.exists() else 0

    @property
    def _row_bytes(self) -> int:
        channels, height, width = self.shape
        return 2 * channels * height * width

    def grow(self, count: int) -> None:
        """Draw, encode and append ``count`` more, up to the capacity; on a full disk print a message and stop."""
        while (missing := min(count, self.capacity - len(self))) > 0:
            here = min(missing, _AT_ONCE)
            start = self.first + len(self)
            try:
                self._append(self._encoded(range(start, start + here)))
            except OSError as error:
                print(f"{self.path.name} did not grow: {error}", file=sys.stderr, flush=True)
                return
            count -= here

    def batch(self, size: int, rng: Random) -> tuple["Tensor", list[str]]:
        """Latents (size, channels, height, width) of random drawings and a fresh wording for each."""
        rows = [rng.randrange(len(self)) for _ in range(size)]
        words = [
            "" if rng.random() < _UNCONDITIONAL else caption(choose(Random(self.first + row)), rng) for row in rows
        ]
        return self._rows(rows), words

    def _rows(self, rows: list[int]) -> "Tensor":
        import torch

        return torch.from_numpy(self._mapped()[rows]).float()

    def _mapped(self) -> "np.memmap[tuple[int, ...], np.dtype[np.float16]]":
        """The file as an array; reopened once it has grown."""
        import numpy as np

        if self._opened != len(self):
            self._opened = len(self)
            self._array = np.memmap(self.path, np.float16, "r", shape=(self._opened, *self.shape))
        return self._array

    def _encoded(self, seeds: range) -> "Tensor":
        import torch

        device, size = self.vae.device, (self.edge, self.edge)
        pixels = torch.stack([to_signed(as_bytes(draw(seed, size).image)) for seed in seeds]).to(device)
        with torch.no_grad(), autocast(device):
            latents: Tensor = self.vae.encode(pixels.contiguous(memory_format=torch.channels_last)).latents
        return latents.half().cpu()

    def _append(self, latents: "Tensor") -> None:
        """Append rows after the last complete one; an incomplete row is overwritten."""
        whole = len(self) * self._row_bytes
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.truncate(whole)
            file.seek(whole)
            file.write(latents.contiguous().numpy().tobytes())
