"""A picture is a file that carries the job it came from."""

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
    """A published picture. In a notebook it shows itself, byte for byte the file."""

    path: Path

    @cached_property
    def image(self) -> Image.Image:
        """The pixels, RGB, or RGBA where it is transparent."""
        return open_image(self.path)

    @cached_property
    def record(self) -> dict[str, Any]:
        """All the file says of itself: the job, versions, device, seconds.

        Raises InputError where it carries no record of the studio's.
        """
        record = recorded(open_stored(self.path))
        if record is None:
            raise InputError(f"'{self.path}' has no settings of the studio; only pictures made here can be repeated")
        return record

    @property
    def job(self) -> Job:
        """The job that makes this picture, and only this one, again."""
        return Job.from_data(self.record["job"])

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()


def recorded(image: Image.Image) -> dict[str, Any] | None:
    """The record that an opened file carries, None where it has none of the studio's."""
    text = image.info.get("studio")
    try:
        record = strict_json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return record if isinstance(record, dict) and "job" in record else None
