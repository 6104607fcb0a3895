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
from studio.families._names import Names
from studio.kinds import Size
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

    names: Names = field(default_factory=Names)
