"""What the models of a family can do: sizes, guidance, samplers, and the kinds of conditioning."""

from dataclasses import dataclass
from math import isqrt, sqrt
from typing import Final, Literal

from studio.parameters.types import Size

COMMON: Final = frozenset({"LoRA", "other VAE"})
"""The conditioning that every family supports; a first ControlNet depends on its pipelines."""
UNET: Final = COMMON | {"second picture to follow", "T2I-Adapter", "reference picture", "area with a prompt of its own",
                        "embedding"}  # fmt: skip
"""What families with a U-Net support."""
INSTRUCT: Final = UNET - {"area with a prompt of its own"}
"""What models with a U-Net that follow instructions support."""


@dataclass(frozen=True)
class Defaults:
    """Steps, guidance and size where a request leaves them open; the size is the one it was trained at."""

    steps: int
    guidance: float
    size: Size


@dataclass(frozen=True)
class Capabilities:
    """What a request may ask of a family.

    Both sides of a picture are multiples of ``size_multiple``. ``fixed_area`` is how many pixels the pipelines always
    draw, whatever size is asked for; 0 where it is free.

    ``noise`` says which samplers fit: those of diffusion or of flow matching. ``ays_sigmas`` are the noise levels that
    Align Your Steps found. ``guidance_argument`` is the pipelines' name for the guidance, None where there is none.

    ``prompt_weighting`` says that all text encoders are CLIP, so that ``diffusion.prompts`` encodes the prompts, of any
    length, with weights, BREAK, AND, schedules and clip skip; other families hand them to their pipelines.
    ``supports`` is the conditioning they take, besides a first ControlNet. Models with ``needs_control_image`` follow a
    picture without a ControlNet and draw nothing without one. Those with ``split_denoising`` can stop or start part of
    the way through the noise, as SDXL and its refiner do.
    """

    defaults: Defaults
    size_multiple: int
    fixed_area: int = 0
    noise: Literal["diffusion", "flow"] = "diffusion"
    ays_sigmas: tuple[float, ...] = ()
    guidance_argument: str | None = "guidance_scale"
    negative_prompt: bool = True
    prompt_weighting: bool = False
    supports: frozenset[str] = COMMON
    needs_control_image: bool = False
    split_denoising: bool = False

    def nearest_size(self, size: Size) -> Size:
        """The size that comes out where ``size`` is asked for: the same, if the family can draw it."""
        scale = sqrt(self.fixed_area / (size.width * size.height)) if self.fixed_area else 1
        return Size(*(max(self.size_multiple, int(side * scale // self.size_multiple) * self.size_multiple)
                      for side in size))  # fmt: skip

    @property
    def size_rule(self) -> str:
        """Which sizes can be drawn, for messages."""
        side = isqrt(self.fixed_area)
        about = f" and about {Size(side, side)} in all" if self.fixed_area else ""
        return f"sides are multiples of {self.size_multiple}{about}"
