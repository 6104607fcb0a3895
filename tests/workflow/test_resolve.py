"""What a job names is looked up once, whatever asks for it."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from studio.errors import InputError
from studio.images import image_file
from studio.model_files import hashes
from studio.prompts import grammar
from studio.workflow.job import Job
from studio.workflow.resolve import Assets, Reference, resolve
from studio.workflow.workflow import Workflow
from tests import here
from tests.lora import lorafiles

PROMPT = "a [red:blue:0.5] star on white"


@pytest.fixture
def painted(tmp_path, session):
    """A job with a picture, a mask and two LoRAs."""
    Image.new("RGB", (64, 64), "navy").save(tmp_path / "image.png")
    Image.new("L", (64, 64), 255).save(tmp_path / "mask.png")
    pipeline = session._device._pipelines.get(_spark(), "text-to-image")
    loras = [str(lorafiles.file(tmp_path / f"{n}.safetensors", pipeline, lorafiles.lora, seed=n)[0]) for n in (1, 2)]
    values = {"image": str(tmp_path / "image.png"), "mask": str(tmp_path / "mask.png"), "prompt": PROMPT, "steps": 2}
    return Job.of(Workflow.load("inpaint"), {**values, "seed": 1, "loras": loras})


def _path(file):
    return str(Path(f"/proc/self/fd/{file.fileno()}").readlink())


def _spark():

    return here.card("spark")


def test_a_job_opens_and_hashes_each_file_once_and_parses_each_prompt_once(painted, session, tmp_path, monkeypatch):
    opened, hashed, parsed = Counter(), Counter(), Counter()
    read, digest, pieces = image_file._read, hashlib.file_digest, grammar._nodes
    monkeypatch.setattr(image_file, "_read", lambda file, name: opened.update([name]) or read(file, name))
    monkeypatch.setattr(hashlib, "file_digest", lambda file, how: hashed.update([_path(file)]) or digest(file, how))
    monkeypatch.setattr(grammar, "_nodes", lambda text, depth=0: parsed.update([text]) or pieces(text, depth))
    grammar.parse.cache_clear()
    hashes._digest.cache_clear()
    next(session.run(painted, out=tmp_path / "out"))
    pictures = [painted.values[name] for name in ("image", "mask")]
    assert {name: opened[name] for name in pictures} == dict.fromkeys(pictures, 1)
    assert {name: hashed[name] for name in pictures} == dict.fromkeys(pictures, 1)
    assert max(hashed.values()) == 1
    assert parsed[PROMPT] == 1


def test_a_picture_that_changes_meanwhile_is_read_again_and_refused(painted):
    assets = Assets(here.library())
    resolve(painted, assets)
    Image.new("RGB", (64, 64), "red").save(painted.values["image"])
    with pytest.raises(InputError, match="the picture 'image' is not the one this was made with"):
        resolve(painted, assets)


def test_arguments_are_what_the_steps_take(painted):
    given = here.resolved(painted).arguments["redraw"]
    assert given["image"].getpixel((0, 0)) == (0, 0, 128)
    assert given["guide"] == Reference("style")
    assert given["steps"] == 2


def test_a_prompt_that_looks_like_a_reference_is_words(painted, session):
    job = painted.with_values({"prompt": "$style"})
    assert here.resolved(job).arguments["redraw"]["prompt"] == "$style"
