"""Model families: one file each, holding a frozen ``FAMILY``.

A family says what its models can do and translates the studio's vocabulary into the
arguments of its pipelines. Nothing outside this folder names a family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import isqrt, sqrt
from types import MappingProxyType
from typing import Any, Final, Literal

from studio import wildcards
from studio.errors import InputError, ModelError
from studio.kinds import Size
from studio.naming import Names
from studio.prompt_grammar import parse
from studio.request import Request

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
"""The tensors of a weight file by name: their shapes, as its header gives them."""

UNET: Final = frozenset(
    {"LoRA", "T2I-Adapter", "reference picture", "area with a prompt of its own", "embedding", "other VAE"}
)
"""What every family with a U-Net takes from a guide; a ControlNet goes by its pipelines."""


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
    is asked; 0 where the size is free. ``takes`` is what of a guide they follow besides the ControlNets that
    ``pipelines`` has; ``hands_over`` says that they can stop or begin in the midst of the noise.

    ``v_mark`` is what tells a single file that predicts v from one that predicts noise, where shapes do not.

    ``weights`` says that its text encoders are CLIP's alone, so that ``engine.prompts`` reads its prompts, with
    weights, BREAK, AND, schedules, clip skip and of any length; else its pipelines do.

    LoRAs: ``names`` is what its makers call the denoiser's modules, where diffusers calls them otherwise. ``traces``
    are ends of modules' names (patterns, "_" for each dot) that a LoRA for it shows, and how many numbers such a
    module takes in, where that tells it from other families' LoRAs. ``known_as`` are the beginnings of what others
    call its models, small letters and digits alone: "sdxl", "pony".

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
    takes: frozenset[str] = frozenset({"LoRA", "other VAE"})
    hands_over: bool = False
    halves: tuple[str, ...] = ("bfloat16", "float16")
    area: int = 0
    needs: str = ""
    v_mark: VMark | None = None
    weights: bool = False
    known_as: tuple[str, ...] = ()
    names: Names = field(default_factory=Names)
    traces: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))

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
        self._check_task(request)
        self._check_settings(request)
        for prompt in (request.prompt, request.negative_prompt):
            self._check_prompt(prompt)
        for region in request.guide.regions:
            self._check_prompt(region.prompt, weights=False)
        asked = Size(request.width, request.height)
        if asked != (fits := self.drawn(asked)):
            raise InputError(f"{self.title} does not draw {asked}; {fits} would do{self._why()}")

    def _check_task(self, request: Request) -> None:
        if self.needs and find_spec(self.needs) is None:
            raise ModelError(f"{self.title} cannot run here: it needs {self.needs}, which is not installed")
        if request.task not in self.pipelines:
            raise InputError(f"{self.title} has no {request.task}; it has {', '.join(self.pipelines) or 'none'}")
        for other in sorted(request.guide.asks - self.takes - {"ControlNet"}):
            raise InputError(f"{self.title} takes no {other}; leave it out, or choose another model")
        if (request.until is not None or request.since is not None) and not self.hands_over:
            raise InputError(f"{self.title} cannot hand a picture over to a refiner; choose another model")

    def _check_settings(self, request: Request) -> None:
        if request.negative_prompt and not self.negative_prompt:
            raise InputError(f"{self.title} has no negative prompt; leave it empty")
        if not self.guidance and request.guidance not in {0, 1, self.defaults.guidance}:
            raise InputError(f"{self.title} has no guidance to set; leave it at {self.defaults.guidance:g}")
        if request.clip_skip > 1 and not self.weights:
            raise InputError(f"{self.title} has no clip skip; leave it at 1")

    def _check_prompt(self, text: str, *, weights: bool = True) -> None:
        """Refuse what a prompt asks for besides words and would not get."""
        parsed = parse(text)
        if wildcard := wildcards.first(text):
            raise InputError(
                f"'{wildcard}' is not drawn here, but in a workflow's prompts; write \\{wildcard[0]} for plain text"
            )
        if parsed.loras:
            raise InputError(f"LoRAs cannot be loaded yet; take '<lora:{parsed.loras[0].part}:…>' out of the prompt")
        if not (self.weights and weights) and (mark := parsed.mark()):
            who = self.title if weights else "the prompt of an area"
            raise InputError(f"{who} takes words alone; take '{mark}' out, or write \\( and \\[ for plain brackets")

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
        if request.strength is not None and request.images:
            given["strength"] = request.strength
        return given | self.besides(request)


def table(**entries: str) -> Mapping[str, str]:
    """Pipelines by task, the tasks written with underscores: ``table(text_to_image="FluxPipeline")``."""
    return MappingProxyType({task.replace("_", "-"): name for task, name in entries.items()})
