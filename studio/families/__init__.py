"""Model families: one file each, holding a frozen ``FAMILY``.

A family says what its models can do and translates the studio's vocabulary into the
arguments of its pipelines. Nothing outside this folder names a family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a step wants from a denoising pipeline, in the studio's words."""

    prompt: str
    negative_prompt: str
    steps: int
    guidance: float
    width: int
    height: int
    strength: float | None = None


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
