"""Two pictures to learn from, and tiny models that draw in two steps."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from studio.models.card import ModelCard
from tests.families import tiny


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with two pictures and their captions."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in (("a", "red"), ("b", "blue")):
        image = Image.new("RGB", (96, 96), colour)
        ImageDraw.Draw(image).ellipse((20, 20, 76, 76), fill="white")
        image.save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(f"a white circle on {colour}\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory):
    """The folder of a tiny model by its builder's name; its card says that two steps are enough."""

    def find(name: str) -> str:
        where = tmp_path_factory.getbasetemp() / "learners"
        folder = tiny.folder(name, where)
        (folder / "README.md").write_text("---\nlicense: mit\nsteps: 2\n---\n", "utf-8")
        return str(folder)

    return find


@pytest.fixture(scope="session")
def model_card(model):
    return lambda name: ModelCard.read(Path(model(name)))
