"""Model families: one file each, holding a frozen ``FAMILY``.

A family says what its models can do and translates the studio's vocabulary into the
arguments of its pipelines. Nothing outside this folder names a family.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import isqrt, sqrt
from types import MappingProxyType
from typing import Any, Final, Literal

from studio import plugins
from studio.errors import InputError, ModelError
from studio.families.base.state_dict_keys import Names
from studio.parameters.request import Request
from studio.parameters.types import Size
from studio.prompts import wildcards
from studio.prompts.grammar import parse, without_loras

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
"""The tensors of a weight file by name: their shapes, as its header gives them."""

ANY: Final = frozenset({"LoRA", "other VAE"})
"""What families take from a guide where they say nothing else; the first ControlNet goes by their pipelines."""
UNET: Final = ANY | {"second picture to follow", "T2I-Adapter", "reference picture", "area with a prompt of its own",
                     "embedding"}  # fmt: skip
"""What every family with a U-Net takes."""
INSTRUCTED: Final = UNET - {"area with a prompt of its own"}
"""What its models that follow instructions take."""


_PREFIX: Final = re.compile(r"^model\.(diffusion_model\.)?")  # of a denoiser, in files that may hold other parts too


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
class Lessons:
    """How a LoRA for a family is trained.

    ``attention`` and ``more`` are regular expressions for the denoiser's modules, by diffusers' names: those that
    attend, and the others that are worth adapting. ``latents`` is how the denoiser wants a noisy picture: as planes
    (batch, channels, height, width), as tokens of two by two, or as a list of single frames. ``clock`` is how it is
    told how noisy that is: by "steps" of a thousand, by the share of "noise" (0 to 1), or by that of "signal"; one
    that counts signal also predicts the way from noise to picture, the others that from picture to noise.
    ``unguided`` is the guidance that means none.

    ``architecture`` is what ModelSpec calls the base, ``version`` what kohya's ``ss_base_model_version`` says;
    ``kohya`` is whether the file is written with kohya's names, which for transformers not every program reads.
    """

    architecture: str
    version: str
    attention: str
    more: str
    latents: Literal["planes", "tokens", "frames"] = "planes"
    clock: Literal["steps", "noise", "signal"] = "steps"
    unguided: float = 1.0
    kohya: bool = False


def bare(name: str) -> str:
    """A tensor's name without what stands before it where the file may hold more than a denoiser."""
    return _PREFIX.sub("", name)


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
    gave it ("" for the plain variant, None where they are no model of this family). The variants in ``alike``
    have the tensors of the plain one, so that a single file cannot tell, and what it is made whole with must.

    Loading: ``names`` is what its makers call the denoiser's modules, where diffusers calls them otherwise.
    ``source`` is a public repository that holds such a model in diffusers' layout.

    Drawing: ``pipelines`` is the diffusers class for each task, those in ``unsized`` take the size of their
    picture; ``multiple`` is what both sides must be divisible by. ``guidance`` is the keyword for it, None
    where there is no such thing. ``besides`` gives what a request needs besides. ``noise`` says which samplers
    fit: those of diffusion or of flow matching; ``aligned`` are the levels of noise, as sigmas, that Align Your Steps
    found for them. ``area`` is how many pixels its pipelines always draw, whatever
    is asked; 0 where the size is free. ``takes`` is what of a guide they follow besides the ControlNets that
    ``pipelines`` has; ``hands_over`` says that they can stop or begin in the midst of the noise. ``follows`` says that
    they follow a picture by themselves, without a ControlNet, and draw nothing without one.

    ``v_mark`` is what tells a single file that predicts v from one that predicts noise, where shapes do not.

    ``weights`` says that its text encoders are CLIP's alone, so that ``engine.prompts`` reads its prompts, with
    weights, BREAK, AND, schedules, clip skip and of any length; else its pipelines do.

    LoRAs: ``traces`` are ends of modules' names (patterns, "_" for each dot) that a LoRA for it shows, and how many
    numbers such a module takes in, where that tells it from other families' LoRAs. ``known_as`` are the beginnings of
    what others call its models, small letters and digits alone: "sdxl", "pony".

    Running: ``halves`` are the half precisions that its models stand, ``needs`` a package without which it
    cannot run, ``lent`` settings that a pipeline asks its transformer for, where that has none.

    ``lessons`` is how LoRAs for it are trained; None where that is not built yet.

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
    alike: frozenset[str] = frozenset()
    source: str = ""
    variants: "Mapping[str, Family]" = field(default_factory=lambda: MappingProxyType({}))
    noise: Literal["diffusion", "flow"] = "diffusion"
    aligned: tuple[float, ...] = ()
    guidance: str | None = "guidance_scale"
    negative_prompt: bool = True
    besides: Callable[[Request], dict[str, Any]] = nothing
    unsized: frozenset[str] = frozenset()
    takes: frozenset[str] = ANY
    hands_over: bool = False
    follows: bool = False
    halves: tuple[str, ...] = ("bfloat16", "float16")
    area: int = 0
    needs: str = ""
    lent: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    v_mark: VMark | None = None
    weights: bool = False
    lessons: Lessons | None = None
    known_as: tuple[str, ...] = ()
    names: Names = field(default_factory=Names)
    traces: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, variant: str) -> "Family":
        """The family as it is for one variant: itself, where that is no different."""
        return self.variants.get(variant, self)

    def recognise(self, shapes: Shapes, *, in_diffusers: bool = False) -> str | None:
        """The variant of a single file with these tensors; None where it is no model of this family.

        ``in_diffusers`` says to take their names for diffusers', of a file that holds nothing but a denoiser.
        """
        own = {bare(name): shape for name, shape in shapes.items()}
        tables = [each._by_makers(own) for each in (self, *self.variants.values())] if in_diffusers else [own]
        return next((variant for table in tables if (variant := self.layout(table)) is not None), None)

    def _by_makers(self, shapes: Shapes) -> Shapes:
        """Shapes by the makers' names; none where one of them is unknown. Fused ones have that of their first part."""
        found: dict[str, Shape] = {}
        for name, shape in shapes.items():
            module, _, end = name.rpartition(".")
            ends = [f".{end}", ".scale"] if end == "weight" else [f".{end}"]
            parts = [(part, ends) for part in self.names.by_makers(module)]
            parts = parts or [(part, [""]) for part in self.names.by_makers(name)]
            if not parts:
                return {}
            found |= {f"{part.name}{each}": shape for part, theirs in parts for each in theirs if part.place == 0}
        return found

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
            self._check_prompt(region.prompt)
            if turn := parse(region.prompt).turn():
                raise InputError(
                    f"an area's prompt is the same in all steps, so '{turn}' fails there; {_in_words(turn)}"
                )
        asked = Size(request.width, request.height)
        if asked != (fits := self.drawn(asked)):
            raise InputError(f"{self.title} does not draw {asked}; {fits} would do{self._why()}")

    def _check_task(self, request: Request) -> None:
        if self.needs and find_spec(self.needs) is None:
            raise ModelError(f"{self.title} cannot run here: it needs {self.needs}, which is not installed")
        if request.task not in self.pipelines:
            others = " or ".join(able(request.task)[:3])
            raise InputError(
                f"{self.title} cannot do {request.task}, only {', '.join(self.pipelines) or 'nothing here'}; "
                f"choose another model{f', for example {others}' if others else ''}"
            )
        for other in sorted(request.guide.asks - self.takes - {"ControlNet"}):
            raise InputError(f"{self.title} takes no {other}; leave it out, or choose another model")
        self._check_followed(any(not control.part for control in request.guide.controls))
        if (request.until is not None or request.since is not None) and not self.hands_over:
            raise InputError(f"{self.title} cannot hand a picture over to a refiner; choose another model")

    def _check_followed(self, alone: bool) -> None:
        """``alone`` says that there is a picture to follow without a ControlNet."""
        if alone and not self.follows:
            raise InputError(f"{self.title} follows no picture by itself; choose a ControlNet that was made for it")
        if self.follows and not alone:
            raise InputError(f"{self.title} draws along another picture; give it one to follow, without a ControlNet")

    def _check_settings(self, request: Request) -> None:
        if request.negative_prompt and not self.negative_prompt:
            raise InputError(f"{self.title} has no negative prompt; leave it empty")
        if not self.guidance and request.guidance not in {0, 1, self.defaults.guidance}:
            raise InputError(f"{self.title} has no guidance to set; leave it at {self.defaults.guidance:g}")
        if request.clip_skip > 1 and not self.weights:
            raise InputError(f"{self.title} has no clip skip; leave it at 1")

    def _check_prompt(self, text: str) -> None:
        """Refuse what a prompt asks for besides words and would not get."""
        parsed = parse(text)
        if wildcard := wildcards.first(without_loras(text)):
            raise InputError(
                f"'{wildcard}' is not drawn here, but in a workflow's prompts; write \\{wildcard[0]} for plain text"
            )
        if not self.weights and (mark := parsed.mark()):
            raise InputError(f"{self.title} reads plain words, so '{mark}' would change nothing; {_in_words(mark)}")

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
        if request.strength is not None and request.image is not None:
            given["strength"] = request.strength
        return given | self.besides(request)


def able(task: str) -> list[str]:
    """The titles of all families, and of their variants, that have a task; sorted."""
    families: list[Family] = [plugins.find("families", name).FAMILY for name in plugins.names("families")]
    everyone = [one for family in families for one in (family, *family.variants.values())]
    return sorted({one.title for one in everyone if task in one.pipelines})


def _in_words(mark: str) -> str:
    """What to write in place of a prompt's mark that does not work."""
    brackets = rf", or \{mark[0]} and \{mark[-1]} where you mean brackets" if mark[0] in "([" else ""
    return f"write the words alone{brackets}"


def table(**entries: str) -> Mapping[str, str]:
    """Pipelines by task, the tasks written with underscores: ``table(text_to_image="FluxPipeline")``."""
    return MappingProxyType({task.replace("_", "-"): name for task, name in entries.items()})
