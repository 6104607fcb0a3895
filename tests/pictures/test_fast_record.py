import os

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.pictures import fast_record
from studio.pictures.publish import publish
from tests.torture import fake


@pytest.fixture
def job():
    return next(fake.jobs(1))


@pytest.fixture
def file(job, tmp_path):
    return publish(fake.picture(job), tmp_path, "x", job, fake.FACTS).path


def test_a_picture_tells_its_job_whatever_it_is_called(job, file, tmp_path):
    moved = file.rename(tmp_path / "renamed.PNG")
    assert fast_record.key(moved) == job.key
    assert fast_record.record(moved)["seconds"] == fake.FACTS["seconds"]


@pytest.mark.parametrize("cut", [1, 12, 60])
def test_a_picture_cut_off_tells_nothing(file, cut):
    os.truncate(file, file.stat().st_size - cut)
    assert fast_record.record(file) is None


@pytest.mark.parametrize("said", ["", "{", "[]", '{"job": 1}', '{"job": {"seed": "x"}}', "[" * 100_000])
def test_what_is_no_record_of_ours_is_none(tmp_path, said):
    info = PngInfo()
    info.add_text("studio", said)
    Image.new("RGB", (2, 2)).save(tmp_path / "x.png", pnginfo=info)
    assert fast_record.key(tmp_path / "x.png") is None


def test_no_picture_at_all_is_none(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    assert [fast_record.key(path) for path in [*tmp_path.iterdir(), tmp_path / "absent.png"]] == [None] * 4


def test_folders_are_looked_through_but_not_hidden_ones_links_and_pipes(file, tmp_path):
    for folder in ("a/b", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
        os.link(file, tmp_path / folder / "y.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    assert list(fast_record.pictures(tmp_path)) == [tmp_path / "a" / "b" / "y.png", file]
