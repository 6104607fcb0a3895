import errno
import os
import re
import stat
import threading
from contextlib import nullcontext

import pytest
from PIL import Image

from studio.errors import InputError, OutputError
from studio.files import no_overwrite
from studio.pictures.publish import check_folder, publish, publish_at, sweep
from studio.workflow.job import Job
from tests import disks
from tests.lora import files

PROMPT = "a star, (blue)"
FACTS = {
    "studio": "0",
    "prompt": PROMPT,
    "models": {"spark": {"family": "sd1", "sampler": "DDIM", "licence": "apache-2.0"}},
}
PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


@pytest.fixture
def job(text_to_image):
    return Job.of(text_to_image, {"prompt": "a star, (blue)", "negative_prompt": "red", "seed": 7})


def test_the_file_carries_the_job_and_text_that_other_tools_read(job, tmp_path):
    picture = publish(Image.new("RGB", (64, 96), "red"), tmp_path, "x", job, FACTS)
    assert picture.job == job
    *words, last = Image.open(picture.path).info["parameters"].split("\n")
    assert words == [PROMPT, "Negative prompt: red"]
    assert dict(PAIR.findall(last)) == {
        "Steps": "20", "Sampler": "DDIM", "CFG scale": "2", "Model": "spark", "Seed": "7", "Size": "64x96",
        "RNG": "CPU", "Version": "studio 0",
    }  # fmt: skip


def test_clip_skip_is_told_where_there_is_one(job, tmp_path):
    skipping = job.model_copy(update={"values": {**job.values, "clip_skip": 2}})
    picture = publish(Image.new("RGB", (64, 64)), tmp_path, "x", skipping, FACTS)
    assert ", Clip skip: 2, " in Image.open(picture.path).info["parameters"]


def test_loras_stand_in_the_prompt_and_their_hashes_at_the_end(text_to_image, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path))
    files.write(files.kohya("lora_unet_mid_block_attentions_0_proj_in", (8, 8)), tmp_path / "neon-1.5.safetensors")
    job = Job.of(text_to_image, {"prompt": PROMPT, "loras": ["neon-1.5:0.8:to=0.5"]})
    facts = {
        **FACTS,
        "loras": {"neon-1.5": {"file": "f" * 64, "tensors": "a" * 64}, "styles/ink": {"tensors": "b" * 64}},
    }
    picture = publish(Image.new("RGB", (64, 64)), tmp_path, "x", job, facts)
    words, last = Image.open(picture.path).info["parameters"].split("\n")
    assert words == f"{PROMPT} <lora:neon-1.5:0.8>"
    assert dict(PAIR.findall(last))["Lora hashes"] == f'"neon-1.5: {"a" * 12}, ink: {"b" * 12}"'


def test_prompts_in_any_script_survive(text_to_image, tmp_path):
    job = Job.of(text_to_image, {"prompt": "★ 星 ünï\nline two"})
    facts = {**FACTS, "prompt": job.values["prompt"]}
    picture = publish(Image.new("RGB", (64, 64)), tmp_path, "x", job, facts)
    assert picture.job.values["prompt"] == "★ 星 ünï\nline two"
    assert Image.open(picture.path).info["parameters"].startswith("★ 星 ünï\nline two\n")


def test_a_taken_name_is_never_overwritten(job, tmp_path):
    names = [publish(Image.new("RGB", (8, 8)), tmp_path, "x", job, FACTS).path.name for _ in range(3)]
    assert names == ["x.png", "x-2.png", "x-3.png"]


def test_many_at_once_get_names_of_their_own(job, tmp_path):
    made: list[str] = []

    def work() -> None:
        made.extend(publish(Image.new("RGB", (8, 8)), tmp_path, "x", job, FACTS).path.name for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 40
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(made)


@pytest.mark.parametrize("call", ["fsync", "link"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_failing_disk_is_one_line_and_leaves_no_trace(job, tmp_path, monkeypatch, call, code):
    before = publish(Image.new("RGB", (8, 8)), tmp_path, "x", job, FACTS).path.read_bytes()

    def fail(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OutputError, match=os.strerror(code)):
        publish(Image.new("RGB", (8, 8)), tmp_path, "y", job, FACTS)
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]
    assert (tmp_path / "x.png").read_bytes() == before


def test_an_exact_place_is_taken_once_and_shared_by_the_same_job(job, tmp_path):
    place = tmp_path / "a" / "b" / "x.png"
    first = publish_at(Image.new("RGB", (8, 8)), place, job, FACTS)
    content = place.read_bytes()
    again = publish_at(Image.new("RGB", (8, 8)), place, job, {**FACTS, "seconds": 9})
    assert first.path == again.path == place
    assert place.read_bytes() == content
    with pytest.raises(InputError, match=r"x\.png' is another file already; move it"):
        publish_at(Image.new("RGB", (8, 8)), place, job.model_copy(update={"seed": 8}), FACTS)
    assert place.read_bytes() == content
    assert [path.name for path in place.parent.iterdir()] == ["x.png"]


def test_what_a_killed_process_left_is_swept_once_nobody_can_be_writing_it(tmp_path):
    old, new, other = tmp_path / "a" / ".studio-1.tmp", tmp_path / ".studio-2.tmp", tmp_path / "a" / "mine.tmp"
    old.parent.mkdir()
    for file in (old, new, other):
        file.touch()
    for file in (old, other):
        os.utime(file, (0, 0))
    sweep(tmp_path)
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)


@pytest.mark.parametrize("kind", disks.KINDS)
def test_disks_without_hard_links_are_published_to_all_the_same(job, tmp_path, monkeypatch, kind):
    disks.use(kind, monkeypatch.setattr)
    check_folder(tmp_path)
    made = [publish(Image.new("RGB", (8, 8), colour), tmp_path, "x", job, FACTS) for colour in ("red", "blue")]
    assert [one.path.name for one in made] == ["x.png", "x-2.png"]
    assert [one.image.getpixel((0, 0)) for one in made] == [(255, 0, 0), (0, 0, 255)]
    place = tmp_path / "at.png"
    assert [publish_at(Image.new("RGB", (8, 8)), place, job, FACTS).path for _ in range(2)] == [place, place]
    with pytest.raises(InputError, match=r"at\.png' is another file already"):
        publish_at(Image.new("RGB", (8, 8)), place, job.model_copy(update={"seed": 8}), FACTS)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["at.png", "x-2.png", "x.png"]


def test_a_disk_that_can_give_no_name_is_told_before_any_work(tmp_path, monkeypatch):
    disks.use("neither", monkeypatch.setattr)
    monkeypatch.setattr(no_overwrite, "_reserve", disks.refusing(errno.EPERM))
    with pytest.raises(OutputError, match="Operation not permitted"):
        check_folder(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("code", "matters"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_disk_that_syncs_no_folders_is_no_failure(job, tmp_path, monkeypatch, code, matters):
    fsync = os.fsync

    def refuse_folders(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    with pytest.raises(OutputError) if matters else nullcontext():
        publish(Image.new("RGB", (8, 8)), tmp_path, "x", job, FACTS)


def test_a_transparent_picture_stays_so(job, tmp_path):
    picture = publish(Image.new("RGBA", (8, 8), (255, 0, 0, 100)), tmp_path, "x", job, FACTS)
    assert picture.image.getpixel((0, 0)) == (255, 0, 0, 100)
