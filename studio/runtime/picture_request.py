"""A request for one picture, and where its file goes."""

from dataclasses import dataclass, field
from pathlib import Path

from studio.pictures import file_names
from studio.pictures.picture import Picture
from studio.workflow.job import Job
from studio.workflow.resolve import Assets


@dataclass(frozen=True)
class PictureRequest:
    """One picture: ``job`` makes it and no other. ``name`` names its file in ``out``, as ``file_names.Name`` does.

    It is number ``number`` (from 0) of ``of`` that were requested together. Requests with the same ``assets`` read each
    input picture once; without any, the executor shares its own among the requests of one call.
    """

    job: Job
    out: Path
    name: file_names.Name
    number: int = 0
    of: int = 1
    assets: Assets | None = field(default=None, repr=False, compare=False)


PictureResult = tuple[PictureRequest, Picture | Exception]
"""A request with its picture, or with the error that left it without one."""
