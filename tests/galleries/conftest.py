"""Galleries over real files, published in a moment."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from studio.galleries.gallery import Gallery
from studio.pictures.picture import Picture
from studio.pictures.publish import publish
from studio.workflow.job import Job

SPARK = {"spark": {"sampler": "DDIM", "licence": "apache-2.0"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def gallery(tmp_path: Path, folder: Path) -> Gallery:
    return Gallery(tmp_path / "state", [folder])


@pytest.fixture(scope="session")
def a_job(text_to_image) -> Job:
    return Job.of(text_to_image, {"prompt": "a star", "seed": 0})


@pytest.fixture
def make(folder: Path, a_job: Job) -> Callable[..., Picture]:
    return maker(folder, a_job)


def maker(folder: Path, job: Job) -> Callable[..., Picture]:
    """Publishes a small picture with a record; those of other seeds have other pixels."""

    def make(prompt="a star", seed=1, *, size=(16, 16), name="x", into="", values=None, pins=None, **facts):
        changed = {"values": {**job.values, "prompt": prompt, **(values or {})}, "seed": seed, "pins": pins or {}}
        colour = (seed * 37 % 256, seed * 91 % 256, seed * 11 % 256)
        told = {"studio": "0", "prompt": prompt, "models": SPARK, **facts}
        return publish(Image.new("RGB", size, colour), folder / into, name, job.model_copy(update=changed), told)

    return make


def found(gallery: Gallery, text: str = "") -> list[str]:
    """The names of the files that are found, by name."""
    return sorted(entry.path.stem for entry in gallery.find(text, most=1000).entries)
