"""Noise schedules that diffusers does not have, or has only with SciPy and in sigmas.

Beta: most steps at the beginning and at the end, as in ComfyUI, after https://arxiv.org/abs/2407.12173. Timesteps are
the quantiles of a Beta distribution with both parameters 0.6.

AYS: ten noise levels that were measured for a kind of model, interpolated to as many steps as requested, after
https://research.nvidia.com/labs/toronto-ai/AlignYourSteps.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHAPE: Final = 0.6
_GRID: Final = 20_000


def quantiles(shares: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The quantiles of Beta(0.6, 0.6), from 0 to 1, at ``shares``.

    With x = sin² of an angle the density is smooth, sin and cos to the power of 0.2, so a sum gives its integral.
    """
    angles = (np.arange(_GRID) + 0.5) * (np.pi / 2 / _GRID)
    below = np.cumsum((np.sin(angles) * np.cos(angles)) ** (2 * _SHAPE - 1))
    edges = np.linspace(0, np.pi / 2, _GRID + 1)
    angle = np.interp(shares, np.concatenate([[0.0], below / below[-1]]), edges)
    return np.asarray(np.sin(angle) ** 2)


def beta_timesteps(steps: int, of: int) -> "NDArray[np.float64]":
    """The timestep of each step, whole numbers from ``of`` - 1 down, no two the same; 0 is the cleanest."""
    places, found = np.arange(steps), np.rint(quantiles(1 - np.arange(steps) / steps) * (of - 1))
    falling = np.minimum.accumulate(found + places) - places
    return np.asarray((np.maximum.accumulate(falling.clip(0)[::-1] - places) + places)[::-1])


def interpolated(levels: tuple[float, ...], steps: int) -> "NDArray[np.float64]":
    """As many sigmas as steps, interpolated between the logarithms of ``levels``."""
    places = np.linspace(0, 1, steps), np.linspace(0, 1, len(levels))
    return np.asarray(np.exp(np.interp(*places, np.log(levels))))


@cache
def with_sigmas(scheduler: Any, levels: tuple[float, ...] = ()) -> Any:
    """A scheduler class for diffusion whose Karras sigmas are replaced by ``levels``, or by the Beta schedule."""

    class CustomSigmas(scheduler):  # type: ignore[misc]
        def _convert_to_karras(self, in_sigmas: Any, num_inference_steps: int) -> Any:  # noqa: ARG002 the library's
            if levels:
                return interpolated(levels, num_inference_steps)
            kept = self.alphas_cumprod.double().numpy()
            kept = kept[beta_timesteps(num_inference_steps, len(kept)).astype(int)]
            return np.sqrt((1 - kept) / kept)

    CustomSigmas.__name__ = f"{scheduler.__name__}{'OnLevels' if levels else 'OnBeta'}"
    return CustomSigmas
