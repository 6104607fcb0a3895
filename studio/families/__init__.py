"""Model families: one file each, holding a frozen ``FAMILY``.

A family says what its models can do and translates the studio's vocabulary into the
arguments of its pipelines. Nothing outside this folder names a family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from PIL.Image import Image

from studio import wildcards
from studio.errors import InputError
from studio.kinds import OWN_SAMPLER, Size
from studio.prompt_grammar import parse

Shapes = Mapping[str, tuple[int, ...]]
"""The tensors of a weight file by name: their shapes, as its header gives them."""


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
    and of their size, only what is white in them changes. Raises InputError where so small a share of
    so few steps leaves nothing to do.
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
    clip_skip: int = 1

    def __post_init__(self) -> None:
        if self.strength is not None and int(self.steps * self.strength) < 1:
            raise InputError(f"strength {self.strength:g} of {self.steps} steps leaves none to run; raise one of them")

    @property
    def task(self) -> str:
        """Which of a family's pipelines this is for."""
        return "inpaint" if self.masks else "image-to-image" if self.images else "text-to-image"


@dataclass(frozen=True)
class Family:
    """What all models of one architecture have in common.

    ``classes`` are the pipeline names by which a ``model_index.json`` is recognised; ``recognise``
    is given the tensors of a single file and says which variant they are ("" for the plain one),
    or None where they are no model of this family. ``pipelines`` is the diffusers class for each task,
    ``multiple`` what both sides must be divisible by. ``noise`` says which samplers fit: those of
    diffusion or of flow matching. ``arguments`` turns a Request into the pipeline's keyword
    arguments; ``check`` comes before it. ``variants`` overrides the defaults by variant.
    ``weights`` says that its text encoders are CLIP's alone, so that ``engine.prompts`` reads its prompts, with
    weights, BREAK, AND, schedules, clip skip and of any length; else its pipelines do.
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
    weights: bool = False

    def check(self, request: Request) -> None:
        """Raise InputError, naming it, where the request asks for what this family has not."""
        if request.negative_prompt and not self.negative_prompt:
            raise InputError(f"{self.title} has no negative prompt; leave it empty")
        if request.clip_skip > 1 and not self.weights:
            raise InputError(f"{self.title} has no clip skip; leave it at 1")
        for prompt in (request.prompt, request.negative_prompt):
            self._check_prompt(prompt)
        if request.width % self.multiple or request.height % self.multiple:
            raise InputError(
                f"{self.title} needs sides that are multiples of {self.multiple}, not {request.width}x{request.height}"
            )

    def _check_prompt(self, text: str) -> None:
        """Refuse what a prompt asks for besides words and would not get."""
        parsed = parse(text)
        if wildcard := wildcards.first(text):
            raise InputError(
                f"'{wildcard}' is not drawn here, but in a workflow's prompts; write \\{wildcard[0]} for plain text"
            )
        if parsed.loras:
            raise InputError(f"LoRAs cannot be loaded yet; take '<lora:{parsed.loras[0].name}:…>' out of the prompt")
        if not self.weights and (mark := parsed.mark()):
            raise InputError(
                f"{self.title} takes words alone; take '{mark}' out, or write \\( and \\[ for plain brackets"
            )
