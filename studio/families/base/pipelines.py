"""The diffusers pipelines of a family, and what they need besides the usual arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from studio.parameters.request import Request


def no_extra_arguments(_request: Request) -> dict[str, Any]:
    """For pipelines that take the usual arguments only."""
    return {}


@dataclass(frozen=True)
class TaskPipelines:
    """The pipeline class of each task, among them the ControlNet pipelines.

    The tasks in ``size_from_image`` draw at the size of their picture. ``extra_arguments`` gives what a request needs
    besides the usual arguments. ``config_overrides`` are settings that a pipeline reads from its transformer, for
    models that lack them. ``half_dtypes`` are the half precisions that the models can run in, ``requires`` a package
    that they cannot run without.
    """

    classes: Mapping[str, str]
    size_from_image: frozenset[str] = frozenset()
    extra_arguments: Callable[[Request], dict[str, Any]] = no_extra_arguments
    config_overrides: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    half_dtypes: tuple[str, ...] = ("bfloat16", "float16")
    requires: str = ""


def by_task(**classes: str) -> Mapping[str, str]:
    """Pipeline classes by task, written with underscores: ``by_task(text_to_image="FluxPipeline")``."""
    return MappingProxyType({task.replace("_", "-"): name for task, name in classes.items()})
