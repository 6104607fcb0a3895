"""A picture: a file that contains the job it was made by."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from studio.errors import InputError
from studio.files import strict_json
from studio.images.image_file import open_image, open_stored
from studio.workflow.job import Job


@dataclass(frozen=True)
class Picture:
    """A published picture. A notebook displays the file itself, byte for byte."""

    path: Path

    @cached_property
    def image(self) -> Image.Image:
        """The pixels, RGB, or RGBA if it is transparent."""
        return open_image(self.path)

    @cached_property
    def record(self) -> dict[str, Any]:
        """The record in the file: job, versions, device, seconds.

        Raises InputError if the file has no record of the studio.
        """
        record = recorded(open_stored(self.path))
        if record is None:
            raise InputError(f"'{self.path}' has no settings of the studio; only pictures made here can be repeated")
        return record

    @property
    def job(self) -> Job:
        """The job that makes this picture again, and only this one."""
        return Job.from_data(self.record["job"])

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()


def recorded(image: Image.Image) -> dict[str, Any] | None:
    """The record in an opened file, None if the file has none of the studio."""
    text = image.info.get("studio")
    try:
        record = strict_json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return record if isinstance(record, dict) and "job" in record else None
