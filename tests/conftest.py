"""What many tests share: a session on Spark, and pictures it made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.config import Settings
from studio.models.card import ModelCard
from studio.pictures.picture import Picture
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests.families import tiny

pytest_plugins = ["tests.served"]

FEW = {"steps": 3}


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the models that the user of this machine has added."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_STATE", str(tmp_path_factory.mktemp("no-models")))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("no-state")))
        yield


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(Settings(device="cpu", state=tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="session")
def text_to_image() -> Workflow:
    return Workflow.load("text-to-image")


@pytest.fixture(scope="session")
def pictures(session: Session, text_to_image: Workflow, tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    """Three pictures of one job, three steps each."""
    job = Job.of(text_to_image, {"prompt": "a red circle on white", "seed": 7, "count": 3, **FEW})
    return list(session.run(job, out=tmp_path_factory.mktemp("pictures")))


@pytest.fixture(scope="session")
def sd1_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Stable Diffusion 1 with random weights, as a diffusers folder."""
    from tests.models import small

    return small.folder(small.sd1(), tmp_path_factory.mktemp("sd1") / "small")


@pytest.fixture(scope="session")
def sd1_file(sd1_folder: Path) -> Path:
    """The same model as one file, in the layout of its makers."""
    from diffusers import StableDiffusionPipeline

    from tests.models import original

    pipeline = StableDiffusionPipeline.from_pretrained(sd1_folder, safety_checker=None, requires_safety_checker=False)
    return original.write(pipeline, sd1_folder.parent / "painting.safetensors")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own."""
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def write_workflow(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory):
    """The card of a tiny model by its builder's name in ``tests.families.tiny``; each is built once for all tests."""
    where = tmp_path_factory.getbasetemp() / "tiny"
    return lambda name: ModelCard.read(tiny.folder(name, where))
