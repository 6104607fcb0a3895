"""Where a sampler's steps lie, in ways that diffusers does not know, or only with scipy and in sigmas.

Beta: most steps in the beginning and at the end, as ComfyUI has it, after https://arxiv.org/abs/2407.12173. The share
of the way is drawn from the quantiles of a Beta distribution, whose parameters are both 0.6.

AYS: at ten noise levels that were measured for a kind of model, stretched to as many steps as are asked for, after
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
    """What share of Beta(0.6, 0.6) lies below, from 0 to 1, turned round.

    With x = sin² of an angle its density is smooth, sin and cos to the power of 0.2, so that a sum gives its integral.
    """
    angles = (np.arange(_GRID) + 0.5) * (np.pi / 2 / _GRID)
    below = np.cumsum((np.sin(angles) * np.cos(angles)) ** (2 * _SHAPE - 1))
    edges = np.linspace(0, np.pi / 2, _GRID + 1)
    angle = np.interp(shares, np.concatenate([[0.0], below / below[-1]]), edges)
    return np.asarray(np.sin(angle) ** 2)


def times(steps: int, of: int) -> "NDArray[np.float64]":
    """The time of each step, whole numbers from ``of`` - 1 down, no two the same; 0 is the cleanest."""
    places, found = np.arange(steps), np.rint(quantiles(1 - np.arange(steps) / steps) * (of - 1))
    falling = np.minimum.accumulate(found + places) - places
    return np.asarray((np.maximum.accumulate(falling.clip(0)[::-1] - places) + places)[::-1])


def stretched(levels: tuple[float, ...], steps: int) -> "NDArray[np.float64]":
    """As many sigmas as steps, with the logarithm between those of ``levels``."""
    places = np.linspace(0, 1, steps), np.linspace(0, 1, len(levels))
    return np.asarray(np.exp(np.interp(*places, np.log(levels))))


@cache
def placed(scheduler: Any, levels: tuple[float, ...] = ()) -> Any:
    """A scheduler class for diffusion that steps, in place of Karras' sigmas, at ``levels`` or where Beta says."""

    class Placed(scheduler):  # type: ignore[misc]
        def _convert_to_karras(self, in_sigmas: Any, num_inference_steps: int) -> Any:  # noqa: ARG002 the library's
            if levels:
                return stretched(levels, num_inference_steps)
            kept = self.alphas_cumprod.double().numpy()
            kept = kept[times(num_inference_steps, len(kept)).astype(int)]
            return np.sqrt((1 - kept) / kept)

    Placed.__name__ = f"{scheduler.__name__}{'OnLevels' if levels else 'OnBeta'}"
    return Placed
