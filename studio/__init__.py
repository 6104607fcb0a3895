"""The studio: pictures from open diffusion models, in notebooks, on the web, from the command line.

import studio
    picture = studio.run("text-to-image", prompt="a red circle on white", seed=7)[0]
    picture
"""

from typing import TYPE_CHECKING, Any

from studio.errors import Cancelled, InputError, ModelError, OutputError, StudioError, TableError, WorkflowError
from studio.version import VERSION as __version__

if TYPE_CHECKING:
    from studio.api import batch as batch
    from studio.api import checked as checked
    from studio.api import plan as plan
    from studio.api import run as run
    from studio.images.grid import captioned as captioned
    from studio.notebook.batch_progress import BatchProgress as BatchProgress
    from studio.notebook.comparison import compare as compare
    from studio.notebook.gallery import gallery as gallery
    from studio.notebook.panel import panel as panel
    from studio.notebook.tables import Table as Table
    from studio.notebook.training import Training as Training
    from studio.pictures.picture import Picture as Picture
    from studio.runtime.session import Session as Session
    from studio.tools.spark.styles import example_pictures as example_pictures
    from studio.train import Course as Course
    from studio.train import lora as train_lora
    from studio.workflow.job import Job as Job
    from studio.workflow.workflow import Workflow as Workflow

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
    "BatchProgress": "studio.notebook.batch_progress",
    "Course": "studio.train",
    "Job": "studio.workflow.job",
    "Picture": "studio.pictures.picture",
    "Session": "studio.runtime.session",
    "Table": "studio.notebook.tables",
    "Training": "studio.notebook.training",
    "Workflow": "studio.workflow.workflow",
    "batch": "studio.api",
    "captioned": "studio.images.grid",
    "checked": "studio.api",
    "compare": "studio.notebook.comparison",
    "example_pictures": "studio.tools.spark.styles",
    "gallery": "studio.notebook.gallery",
    "panel": "studio.notebook.panel",
    "plan": "studio.api",
    "run": "studio.api",
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
