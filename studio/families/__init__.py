"""Model families: one file each, holding a frozen ``FAMILY``.

A family says what its models can do and translates the studio's vocabulary into the
arguments of its pipelines. Nothing outside this folder names a family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from studio.errors import InputError


@dataclass(frozen=True)
class Request:
    """What a step wants from a denoising pipeline, in the studio's words.

    Raises InputError where so small a share of so few steps leaves nothing to do.
    """

    prompt: str
    negative_prompt: str
    steps: int
    guidance: float
    width: int
    height: int
    strength: float | None = None

    def __post_init__(self) -> None:
        if self.strength is not None and int(self.steps * self.strength) < 1:
            raise InputError(f"strength {self.strength:g} of {self.steps} steps leaves none to run; raise one of them")


@dataclass(frozen=True)
class Family:
    """What all models of one architecture have in common.

    ``classes`` are the pipeline names by which a ``model_index.json`` is recognised, ``pipelines``
    the diffusers class for each task, ``multiple`` what both sides must be divisible by.
    ``arguments`` turns a Request into the pipeline's keyword arguments.
    """

    name: str
    title: str
    classes: frozenset[str]
    pipelines: Mapping[str, str]
    multiple: int
    arguments: Callable[[str, Request], dict[str, Any]]
