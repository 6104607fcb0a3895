"""One real server on loopback for every test of the API and of the web app."""

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import httpx
import pytest
import uvicorn
from PIL import Image

from studio.cli import serve
from studio.config import Settings
from studio.runtime.session import Session
from tests.diffusion import small
from tests.lora import files

TOKEN = "the-token-of-these-tests"  # noqa: S105


CHOSEN = {"controlnet": "scribbles", "ip-adapter": "manner.safetensors", "model": "spark"}
"""What to choose where a workflow asks for a model or for a part to put to it."""


@pytest.fixture(scope="session")
def folder_of_parts(tmp_path_factory):
    home = tmp_path_factory.mktemp("parts")
    small.controlnet(home / CHOSEN["controlnet"])
    Path(small.ip_adapter(home / "scratch")).rename(home / CHOSEN["ip-adapter"])
    _loras(home)
    return home


def _loras(home):
    """Two for Spark, one with all that can be said of it, and one for another kind of model."""
    modules = [f"down_blocks_{n}_attentions_0_transformer_blocks_0_attn1_to_q" for n in (2, 3)]
    sizes = {f"lora_unet_{module}": (side, side) for module, side in zip(modules, (160, 192), strict=True)}
    tensors = {name: tensor for target, size in sizes.items() for name, tensor in files.kohya(target, size).items()}
    files.write(tensors, home / "neon.safetensors", {"ss_base_model_version": "sd_v1", "modelspec.license": "CC0-1.0"})
    (home / "neon.json").write_text(json.dumps({"activation text": "neon lines", "preferred weight": 0.8}))
    Image.new("RGB", (64, 64), "navy").save(home / "neon.preview.png")
    (home / "styles").mkdir()
    files.write(tensors, home / "styles" / "paper.safetensors", {"ss_base_model_version": "sd_v1"})
    files.write(tensors, home / "xl.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})


@pytest.fixture
def parts(folder_of_parts, monkeypatch):
    """Parts in their folder, where every surface may take one from by its name."""
    monkeypatch.setenv("STUDIO_PARTS", str(folder_of_parts))
    monkeypatch.setattr("studio.lora.library.lora_index.shipped", lambda _: folder_of_parts / "none came along")


@dataclass(frozen=True)
class Served:
    """The server: its address, its session and a client that has the token."""

    url: str
    port: int
    token: str
    session: Session
    output: Path
    client: httpx.Client

    def job(self, workflow="text-to-image", **values):
        """Queue a job over HTTP; few steps unless said otherwise."""
        given = {"prompt": "a red circle on white", "steps": 2, **values}
        answer = self.client.post("/api/jobs", json={"workflow": workflow, "values": given})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def picture(self, **values):
        """A finished picture's file."""
        return self.session.find(self.job(**values)).wait(120)[0].path

    def next_run(self, before):
        """Wait for the run that is queued after this one."""
        ends = time.monotonic() + 60
        while (newest := self.session.runs(1)[0]).id == before.id:
            assert time.monotonic() < ends, "nothing was queued"
            time.sleep(0.02)
        return newest

    @contextmanager
    def held(self, steps=2):
        """Spark draws so many steps and then waits until the block ends."""
        from diffusers import DDIMScheduler

        go_on, step, left = threading.Event(), DDIMScheduler.step, iter(range(steps))

        @wraps(step)
        def waiting(*arguments, **named):
            if next(left, None) is None:
                assert go_on.wait(120)
            return step(*arguments, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DDIMScheduler, "step", waiting)
            try:
                yield
            finally:
                go_on.set()

    def running(self):
        """Wait until a run is at work: the page shows its stage before the server has heard of it."""
        ends = time.monotonic() + 60
        while not self.session.running():
            assert time.monotonic() < ends, "nothing runs"
            time.sleep(0.02)

    def calm(self):
        """Nothing waits or runs any more."""
        for run in self.session.runs(50):
            if run.state in ("queued", "running"):
                run.cancel()
        while any(run.state in ("queued", "running") for run in self.session.runs(50)):
            time.sleep(0.05)


@contextmanager
def serving(home, port=0, parts=None, **about):
    """A server on a port, a free one unless it is said, with its pictures and its queue in ``home``."""
    settings = Settings(output=home / "pictures", device="cpu", state=home / "state", parts=parts or home / "parts")
    session = Session(settings)
    bound = serve._bound(serve.HOST, port)
    port = bound.getsockname()[1]
    config = uvicorn.Config(serve.app(session, port, TOKEN, **about), log_level="error", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.05)
    url = f"http://{serve.HOST}:{port}"
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=120) as client:
        yield Served(url, port, TOKEN, session, home / "pictures", client)
    running.should_exit = True
    thread.join(10)
    session.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory, folder_of_parts):
    with serving(tmp_path_factory.mktemp("studio"), parts=folder_of_parts) as served:
        yield served
