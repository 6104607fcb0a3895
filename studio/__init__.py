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
    from studio.quick import run as run
    from studio.record.picture import Picture as Picture
    from studio.session import Session as Session
    from studio.surfaces.notebook.gallery import gallery as gallery
    from studio.surfaces.notebook.panel import panel as panel
    from studio.workflow import Workflow as Workflow

__all__ = [
    "Cancelled",
    "InputError",
    "Job",
    "ModelError",
    "OutputError",
    "Picture",
    "Session",
    "StudioError",
    "TableError",
    "Workflow",
    "WorkflowError",
    "__version__",
    "batch",
    "gallery",
    "panel",
    "run",
]

_HOMES = {
    "Job": "studio.job",
    "Picture": "studio.record.picture",
    "Session": "studio.session",
    "Workflow": "studio.workflow",
    "batch": "studio.quick",
    "gallery": "studio.surfaces.notebook.gallery",
    "panel": "studio.surfaces.notebook.panel",
    "run": "studio.quick",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import studio`` alone stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'studio' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
