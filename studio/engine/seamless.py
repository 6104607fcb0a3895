"""Pictures that tile: the convolutions of a model see its left edge continue at the right one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import Tensor, nn


@contextmanager
def seamless(pipeline: "DiffusionPipeline", *, across: bool = True, down: bool = True) -> Iterator[None]:
    """While inside, what the pipeline makes goes on over its edges; after, it works as before.

    ``across`` joins left to right, ``down`` top to bottom.
    """
    from torch import nn

    parts = [*pipeline.unet.modules(), *pipeline.vae.modules()]
    padded = [part for part in parts if isinstance(part, nn.Conv2d) and any(_padding(part))]
    for part in padded:
        part._conv_forward = _wrapping(part, across, down)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for part in padded:
            del part._conv_forward


def _wrapping(part: "nn.Conv2d", across: bool, down: bool) -> Any:
    """The convolution with its padding taken from the opposite edge."""
    from torch.nn import functional

    rows, columns = _padding(part)

    def forward(picture: "Tensor", weight: "Tensor", bias: "Tensor | None") -> "Tensor":
        picture = functional.pad(picture, (columns, columns, 0, 0), mode="circular" if across else "constant")
        picture = functional.pad(picture, (0, 0, rows, rows), mode="circular" if down else "constant")
        return functional.conv2d(picture, weight, bias, part.stride, 0, part.dilation, part.groups)

    return forward


def _padding(part: "nn.Conv2d") -> tuple[int, int]:
    """Rows and columns that the convolution adds at each edge."""
    return (0, 0) if isinstance(part.padding, str) else (part.padding[0], part.padding[1])
