"""The studio: pictures from open diffusion models, in notebooks, on the web, from the command line.

import studio
    picture = studio.run("text-to-image", prompt="a red circle on white", seed=7)[0]
    picture
"""

from typing import TYPE_CHECKING, Any

from studio.errors import (
    Cancelled,
    InputError,
    ModelError,
    OutputError,
    StudioError,
    TableError,
    WorkflowError,
)
from studio.version import VERSION as __version__

if TYPE_CHECKING:
    from studio.job import Job as Job
    from studio.quick import batch as batch
    from studio.quick import checked as checked
    from studio.quick import plan as plan
    from studio.quick import run as run
    from studio.record.picture import Picture as Picture
    from studio.session import Session as Session
    from studio.sheet import captioned as captioned
    from studio.spark.styles import example_pictures as example_pictures
    from studio.surfaces.notebook.comparison import compare as compare
    from studio.surfaces.notebook.filling import BatchProgress as BatchProgress
    from studio.surfaces.notebook.gallery import gallery as gallery
    from studio.surfaces.notebook.panel import panel as panel
    from studio.surfaces.notebook.tables import Table as Table
    from studio.surfaces.notebook.training import Training as Training
    from studio.train import Course as Course
    from studio.train import lora as train_lora
    from studio.workflow import Workflow as Workflow

__all__ = [
    "BatchProgress",
    "Cancelled",
    "Course",
    "InputError",
    "Job",
    "ModelError",
    "OutputError",
    "Picture",
    "Session",
    "StudioError",
    "Table",
    "TableError",
    "Training",
    "Workflow",
    "WorkflowError",
    "__version__",
    "batch",
    "captioned",
    "checked",
    "compare",
    "example_pictures",
    "gallery",
    "panel",
    "plan",
    "run",
    "train_lora",
]

_HOMES = {
    "BatchProgress": "studio.surfaces.notebook.filling",
    "Course": "studio.train",
    "Job": "studio.job",
    "Picture": "studio.record.picture",
    "Session": "studio.session",
    "Table": "studio.surfaces.notebook.tables",
    "Training": "studio.surfaces.notebook.training",
    "Workflow": "studio.workflow",
    "batch": "studio.quick",
    "captioned": "studio.sheet",
    "checked": "studio.quick",
    "compare": "studio.surfaces.notebook.comparison",
    "example_pictures": "studio.spark.styles",
    "gallery": "studio.surfaces.notebook.gallery",
    "panel": "studio.surfaces.notebook.panel",
    "plan": "studio.quick",
    "run": "studio.quick",
    "train_lora": "studio.train:lora",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import studio`` alone stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'studio' has no attribute '{name}'")
    from importlib import import_module

    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)
