"""Settings are an argument: below the surfaces nothing reads the environment, and a session keeps to its folders."""

import ast
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

import studio
from studio.config import Settings, shipped
from studio.models import model_store
from studio.runtime.session import Session
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests.lora import files

HOME = Path(studio.__file__).parent
SURFACES = ("cli/", "server/", "notebook/", "ui/", "tools/", "api.py", "__main__.py")
OF_OTHERS = {
    "models/hub.py": "HF_ENDPOINT and HF_HUB_OFFLINE, as huggingface_hub reads them",
    "diffusion/libraries.py": "shuts the network for diffusers and transformers",
    "runtime/executors/ray_client.py": "RAY_USAGE_STATS_ENABLED",
}
"""Modules that deal with variables of other libraries, and which."""
PUBLIC = {
    "config.py": "Settings.from_environment itself",
    "library.py": "Library.from_environment",
    "runtime/session.py": "studio.Session()",
    "workflow/workflow.py": "studio.Workflow.load(name)",
    "workflow/job.py": "studio.Job.of(workflow, values)",
    "train/config.py": "studio.Course(pictures, name)",
    "train/train_lora.py": "studio.train_lora(pictures, name=name)",
    "runtime/executors/ray_worker.py": "the process of a cluster's worker, on a machine with an environment of its own",
}
"""Modules whose public calls work without settings, and these calls."""


def below_the_surfaces():
    for file in sorted(HOME.rglob("*.py")):
        place = file.relative_to(HOME).as_posix()
        if not place.startswith(SURFACES):
            yield place, [*ast.walk(ast.parse(file.read_text("utf-8")))]


def test_one_module_reads_the_studios_variables():
    readers = {
        place
        for place, nodes in below_the_surfaces()
        for node in nodes
        if (isinstance(node, ast.Constant) and re.fullmatch("STUDIO_[A-Z]+", str(node.value)))
        or getattr(node, "attr", getattr(node, "id", "")) in ("environ", "environb", "getenv")
    }
    assert readers == {"config.py", *OF_OTHERS}


def test_the_environment_is_a_default_of_public_calls_alone():
    askers = {
        place
        for place, nodes in below_the_surfaces()
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr == "from_environment"
    }
    assert askers == PUBLIC.keys() - {"config.py"}


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A user whose own folders are empty, and who has set nothing."""
    for name in ("STATE", "PARTS", "WILDCARDS", "OUTPUT", "DEVICE", "BATCH", "VRAM"):
        monkeypatch.delenv(f"STUDIO_{name}", raising=False)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "user" / name.lower()))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_a_session_writes_into_its_own_folders_alone(nowhere):
    shutil.copytree(shipped("assets") / "spark", nowhere / "model")
    program = nowhere / "webui" / "models"
    (program / "Lora").mkdir(parents=True)
    files.write(files.kohya("lora_unet_mid_block_attentions_0_proj_in", (8, 8)), program / "Lora" / "tiny.safetensors")
    (program / "Stable-diffusion").mkdir()
    shutil.copy(
        shipped("assets") / "spark" / "vae" / "diffusion_pytorch_model.safetensors", program / "Stable-diffusion"
    )
    Image.new("RGB", (64, 64), "navy").save(nowhere / "start.png")
    before = written(nowhere)

    session = Session(Settings(device="cpu", output=nowhere / "out", state=nowhere / "state"))
    model_store.add(session.library.models, nowhere / "model", "mine")
    model_store.add_folder(session.library.models, nowhere / "webui")
    assert session.library.models.names() == ["spark", "mine"]
    assert {"tiny", "neon-glow"} <= {*session.library.loras.names()}
    values = {"image": str(nowhere / "start.png"), "prompt": "a star", "model": "mine", "loras": ["neon-glow"]}
    workflow = Workflow.load("image-to-image", session.library)
    job = Job.of(workflow, values | {"steps": 4, "size": "64x64", "seed": 1}, session.library)
    (picture,) = session.submit(job).wait(300)
    session.gallery.thumbnail(session.gallery.entry(picture.path).id)
    session.close()

    new = written(nowhere) - before
    assert {path.parts[0] for path in new} == {"state", "out"}
    state = {path.parts[1] for path in new if path.parts[0] == "state"}
    assert {"queue.sqlite", "models.json", "seen.json", "loras.json", "hashes.sqlite", "owners", "thumbnails"} <= state
    assert any(name.startswith("gallery") for name in state)


def written(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
