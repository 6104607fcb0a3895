"""Seamless tiles: the left edge of the picture continues at the right one.

Convolutions are padded with what is at the opposite edge. A transformer has no padding, but knows where each patch is:
it gets the picture rolled by another offset in each step, so that no place is at the edge for long.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from studio.diffusion.patch import Method, patched
from studio.errors import InputError

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor, nn

_SHARES: Final = (0.618034, 0.754878)  # of a side, from step to step: far from any simple fraction, across and down


@contextmanager
def seamless(pipeline: "DiffusionPipeline", *, across: bool = True, down: bool = True) -> Iterator[None]:
    """While inside, the pipeline's pictures continue across their edges; afterwards it works as before.

    ``across`` joins left to right, ``down`` top to bottom. Raises InputError for a model that allows neither.
    """
    if not (across or down):
        yield
        return
    from torch import nn

    modules = [
        part for name in ("unet", "vae") if hasattr(pipeline, name) for part in getattr(pipeline, name).modules()
    ]
    if not hasattr(pipeline, "vae") or any(isinstance(part, nn.Conv3d) for part in modules):
        raise _cannot()
    padded = [part for part in modules if isinstance(part, nn.Conv2d) and any(_padding(part))]
    with ExitStack() as stack:
        for part in padded:
            wrapping = _wrapping(part, across, down)
            stack.enter_context(patched(part, "_conv_forward", partial(_instead, wrapping)))
        if hasattr(pipeline, "transformer"):
            stack.enter_context(patched(pipeline.transformer, "forward", lambda own: _Shifting(own, across, down)))
        yield


def _instead(other: Method, _: Method) -> Method:
    return other


def _wrapping(part: "nn.Conv2d", across: bool, down: bool) -> Method:
    """The convolution with its padding taken from the opposite edge."""
    from torch.nn import functional

    rows, columns = _padding(part)

    def forward(picture: "Tensor", weight: "Tensor", bias: "Tensor | None") -> "Tensor":
        picture = functional.pad(picture, (columns, columns, 0, 0), mode="circular" if across else "constant")
        picture = functional.pad(picture, (0, 0, rows, rows), mode="circular" if down else "constant")
        return functional.conv2d(picture, weight, bias, part.stride, 0, part.dilation, part.groups)

    return forward


def _padding(part: "nn.Conv2d") -> tuple[int, int]:
    """Rows and columns that the convolution pads at each edge."""
    return (0, 0) if isinstance(part.padding, str) else (part.padding[0], part.padding[1])


class _Shifting:
    """A transformer's forward that rolls the latents before, and back after."""

    def __init__(self, own: Method, across: bool, down: bool) -> None:
        self._own, self._across, self._down, self._calls = own, across, down, 0

    def __call__(self, hidden_states: "Tensor", *rest: Any, **named: Any) -> Any:
        if not hasattr(hidden_states, "ndim"):
            raise _cannot()
        grid = _grid(hidden_states, named.get("img_ids"))
        self._calls += 1
        shift = tuple(
            round(self._calls * share * side) % side if wanted else 0
            for share, side, wanted in zip(_SHARES, grid, (self._down, self._across), strict=True)
        )
        made = self._own(_shifted(hidden_states, grid, shift), *rest, **named)
        back = _shifted(made[0], grid, (-shift[0], -shift[1]))
        return (back, *made[1:]) if isinstance(made, tuple) else type(made)(sample=back)


def _grid(latents: "Tensor", places: "Tensor | None") -> tuple[int, int]:
    """Rows and columns: of latents (batch, channels, rows, columns), or of patches by their positions."""
    if latents.ndim == 4:
        return latents.shape[2], latents.shape[3]
    if latents.ndim != 3 or places is None:
        raise _cannot()
    rows, columns = (int(places[..., axis].max()) + 1 for axis in (1, 2))
    if rows * columns != latents.shape[1]:
        raise _cannot()
    return rows, columns


def _shifted(latents: "Tensor", grid: tuple[int, int], shift: tuple[int, ...]) -> "Tensor":
    if latents.ndim == 4:
        return latents.roll(shift, (2, 3))
    return latents.reshape(len(latents), *grid, -1).roll(shift, (1, 2)).flatten(1, 2)


def _cannot() -> InputError:
    return InputError("this model cannot draw a seamless picture; choose another one")
