"""Model families: one file each, holding a frozen ``FAMILY``.

A family says what its models can do and translates the studio's vocabulary into the
arguments of its pipelines. Nothing outside this folder names a family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from math import isqrt, sqrt
from types import MappingProxyType
from typing import Any, Final, Literal

from PIL.Image import Image

from studio.errors import InputError, ModelError
from studio.kinds import OWN_SAMPLER, Size

Shapes = Mapping[str, tuple[int, ...]]
"""The tensors of a weight file by name: their shapes, as its header gives them."""

_PREFIX: Final = "model.diffusion_model."  # of a denoiser in a file that holds other parts too


@dataclass(frozen=True)
class Defaults:
    """What suits a model where nothing else is asked: steps, guidance, and the size it was trained at."""

    steps: int
    guidance: float
    size: Size


@dataclass(frozen=True)
class Folder:
    """What a folder in diffusers' layout says of its model.

    ``index`` is its ``model_index.json``, ``parts`` the configuration of each part ("unet", "scheduler") by name,
    ``pipeline`` the class that the index names.
    """

    index: Mapping[str, Any]
    parts: Mapping[str, Mapping[str, Any]]

    @property
    def pipeline(self) -> str:
        return str(self.index.get("_class_name"))

    def says(self, part: str, key: str) -> Any:
        """One value of a part's configuration; None where it says nothing of it."""
        return self.parts.get(part, {}).get(key)


@dataclass(frozen=True)
class VMark:
    """A tensor whose values have a standard deviation above a bound only in files of the plain variant that predict v.

    The plain files where they have not are of the variant ``otherwise``.
    """

    tensor: str
    above: float
    otherwise: str


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

    def __post_init__(self) -> None:
        if self.strength is not None and int(self.steps * self.strength) < 1:
            raise InputError(f"strength {self.strength:g} of {self.steps} steps leaves none to run; raise one of them")

    @property
    def task(self) -> str:
        """Which of a family's pipelines this is for."""
        return "inpaint" if self.masks else "image-to-image" if self.images else "text-to-image"

    def some(self, first: int, last: int) -> "Request":
        """The request for some of a batch's pictures only, from ``first`` to before ``last``."""
        parts = {name: given[first:last] for name in ("images", "masks") if len(given := getattr(self, name)) > 1}
        return replace(self, **parts)


def plain(_found: Shapes | Folder) -> str:
    """The plain variant, for families that have but one."""
    return ""


def nothing(_request: Request) -> dict[str, Any]:
    """No arguments besides the usual ones."""
    return {}


@dataclass(frozen=True)
class Family:
    """What all models of one architecture have in common.

    Recognising: ``classes`` are the pipeline names that a ``model_index.json`` may give, and ``folder`` says
    which variant such a folder is; ``layout`` says it of the tensors of a single file in the layout its makers
    gave it ("" for the plain variant, None where they are no model of this family). Some shapes are shared by
    several variants, and content cannot tell them apart.

    Drawing: ``pipelines`` is the diffusers class for each task, those in ``unsized`` take the size of their
    picture; ``multiple`` is what both sides must be divisible by. ``guidance`` is the keyword for it, None
    where there is no such thing. ``besides`` gives what a request needs besides. ``noise`` says which samplers
    fit: those of diffusion or of flow matching. ``area`` is how many pixels its pipelines always draw, whatever
    is asked; 0 where the size is free.

    ``v_mark`` is what tells a single file that predicts v from one that predicts noise, where shapes do not.

    Running: ``halves`` are the half precisions that its models stand, ``needs`` a package without which it
    cannot run.

    ``variants`` are the family again, as it is for each variant that differs; see ``of``.
    """

    name: str
    title: str
    classes: frozenset[str]
    pipelines: Mapping[str, str]
    multiple: int
    defaults: Defaults
    layout: Callable[[Shapes], str | None]
    folder: Callable[[Folder], str | None] = plain
    variants: "Mapping[str, Family]" = field(default_factory=lambda: MappingProxyType({}))
    noise: Literal["diffusion", "flow"] = "diffusion"
    guidance: str | None = "guidance_scale"
    negative_prompt: bool = True
    besides: Callable[[Request], dict[str, Any]] = nothing
    unsized: frozenset[str] = frozenset()
    halves: tuple[str, ...] = ("bfloat16", "float16")
    area: int = 0
    needs: str = ""
    v_mark: VMark | None = None

    def of(self, variant: str) -> "Family":
        """The family as it is for one variant: itself, where that is no different."""
        return self.variants.get(variant, self)

    def recognise(self, shapes: Shapes) -> str | None:
        """The variant of a single file with these tensors; None where it is no model of this family."""
        return self.layout({name.removeprefix(_PREFIX): shape for name, shape in shapes.items()})

    def variant_of(self, folder: Folder) -> str | None:
        """The variant of a model in diffusers' layout; None where it is no model of this family."""
        return self.folder(folder) if folder.pipeline in self.classes else None

    def check(self, request: Request) -> None:
        """Raise InputError, naming it, where the request asks for what this family has not.

        Raises ModelError where a package it cannot do without is missing.
        """
        if self.needs and find_spec(self.needs) is None:
            raise ModelError(f"{self.title} cannot run here: it needs {self.needs}, which is not installed")
        if request.task not in self.pipelines:
            raise InputError(f"{self.title} has no {request.task}; it has {', '.join(self.pipelines) or 'none'}")
        if request.negative_prompt and not self.negative_prompt:
            raise InputError(f"{self.title} has no negative prompt; leave it empty")
        if not self.guidance and request.guidance not in {0, 1, self.defaults.guidance}:
            raise InputError(f"{self.title} has no guidance to set; leave it at {self.defaults.guidance:g}")
        asked = Size(request.width, request.height)
        if asked != (fits := self.drawn(asked)):
            raise InputError(f"{self.title} does not draw {asked}; {fits} would do{self._why()}")

    def drawn(self, asked: Size) -> Size:
        """The size that comes out where another is asked for: the same, if the family can draw it."""
        scale = sqrt(self.area / (asked.width * asked.height)) if self.area else 1
        return Size(*(max(self.multiple, int(side * scale // self.multiple) * self.multiple) for side in asked))

    def _why(self) -> str:
        about = f" and about {Size(isqrt(self.area), isqrt(self.area))} in all" if self.area else ""
        return f" (sides are multiples of {self.multiple}{about})"

    def arguments(self, task: str, request: Request) -> dict[str, Any]:
        """The pipeline's keyword arguments for a request, without pictures."""
        given: dict[str, Any] = {"prompt": request.prompt, "num_inference_steps": request.steps}
        if self.negative_prompt:
            given["negative_prompt"] = request.negative_prompt
        if self.guidance:
            given[self.guidance] = request.guidance
        if task not in self.unsized:
            given |= {"width": request.width, "height": request.height}
        if task != "text-to-image":
            given["strength"] = request.strength
        return given | self.besides(request)


def table(**entries: str) -> Mapping[str, str]:
    """Pipelines by task, the tasks written with underscores: ``table(text_to_image="FluxPipeline")``."""
    return MappingProxyType({task.replace("_", "-"): name for task, name in entries.items()})
