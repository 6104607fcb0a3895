"""Model families: one file each, holding a frozen ``FAMILY``.

A family says what its models can do and translates the studio's vocabulary into the
arguments of its pipelines. Nothing outside this folder names a family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from PIL.Image import Image

from studio.errors import InputError
from studio.guide import NOTHING, Guide
from studio.kinds import OWN_SAMPLER, Size

Shapes = Mapping[str, tuple[int, ...]]
"""The tensors of a weight file by name: their shapes, as its header gives them."""

UNET: Final = frozenset({"T2I-Adapter", "reference picture", "area with a prompt of its own", "embedding", "other VAE"})
"""What every family with a U-Net takes from a guide; a ControlNet goes by its pipelines."""


@dataclass(frozen=True)
class Defaults:
    """What suits a model where nothing else is asked: steps, guidance, and the size it was trained at."""

    steps: int
    guidance: float
    size: Size


@dataclass(frozen=True)
class Request:
    """What a step wants from a denoising pipeline, in the studio's words.

    From noise, or from ``images`` (one, or one for each seed); with ``masks``, as many as the images
    and of their size, only what is white in them changes. ``instruction`` says that the prompt tells what
    to change in the images, ``likeness`` how strictly the rest is kept. ``guide`` is what else shall be
    looked at. A model may hand over to another that shares its latents: it stops after the share ``until``
    of the noise, and gives latents in place of pictures; the other begins at ``since``, with these as its
    ``images``. Raises InputError where so small a share of so few steps leaves nothing to do.
    """

    prompt: str
    negative_prompt: str
    steps: int
    guidance: float
    width: int
    height: int
    strength: float | None = None
    sampler: str = OWN_SAMPLER
    images: tuple[Image, ...] = ()
    masks: tuple[Image, ...] = ()
    instruction: bool = False
    likeness: float | None = None
    guide: Guide = NOTHING
    until: float | None = None
    since: float | None = None

    def __post_init__(self) -> None:
        if self.strength is not None and int(self.steps * self.strength) < 1:
            raise InputError(f"strength {self.strength:g} of {self.steps} steps leaves none to run; raise one of them")

    @property
    def task(self) -> str:
        """Which of a family's pipelines this is for."""
        if self.instruction:
            return "instruct"
        plain = "inpaint" if self.masks else "image-to-image" if self.images else "text-to-image"
        return _CONTROLLED[plain] if "ControlNet" in self.guide.asks else plain

    def alone(self, n: int) -> "Request":
        """The request for picture ``n`` (from 0) alone."""
        images, masks = (each[n % len(each) :][:1] if each else () for each in (self.images, self.masks))
        return replace(self, images=images, masks=masks, guide=self.guide.alone(n))


_CONTROLLED: Final = {
    "text-to-image": "controlnet",
    "image-to-image": "controlnet image-to-image",
    "inpaint": "controlnet inpaint",
}


@dataclass(frozen=True)
class Family:
    """What all models of one architecture have in common.

    ``classes`` are the pipeline names by which a ``model_index.json`` is recognised; ``recognise``
    is given the tensors of a single file and says which variant they are ("" for the plain one),
    or None where they are no model of this family. ``pipelines`` is the diffusers class for each task,
    ``multiple`` what both sides must be divisible by. ``noise`` says which samplers fit: those of
    diffusion or of flow matching. ``arguments`` turns a Request into the pipeline's keyword
    arguments; ``check`` comes before it. ``variants`` overrides the defaults by variant. ``takes`` is what
    of a guide it can follow besides the ControlNets that ``pipelines`` has.
    """

    name: str
    title: str
    classes: frozenset[str]
    pipelines: Mapping[str, str]
    multiple: int
    defaults: Defaults
    arguments: Callable[[str, Request], dict[str, Any]]
    recognise: Callable[[Shapes], str | None]
    variants: Mapping[str, Defaults] = field(default_factory=lambda: MappingProxyType({}))
    noise: Literal["diffusion", "flow"] = "diffusion"
    negative_prompt: bool = True
    takes: frozenset[str] = frozenset()

    def check(self, request: Request) -> None:
        """Raise InputError, naming it, where the request asks for what this family has not."""
        if request.negative_prompt and not self.negative_prompt:
            raise InputError(f"{self.title} has no negative prompt; leave it empty")
        for asked in sorted(request.guide.asks - self.takes - {"ControlNet"}):
            raise InputError(f"{self.title} takes no {asked} here; leave it out, or choose another model")
        if request.task not in self.pipelines:
            raise InputError(f"{self.title} has no {request.task} here; choose another model")
        if request.width % self.multiple or request.height % self.multiple:
            raise InputError(
                f"{self.title} needs sides that are multiples of {self.multiple}, not {request.width}x{request.height}"
            )
