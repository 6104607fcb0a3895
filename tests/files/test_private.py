"""What lies in the state folder is for one user alone, whatever wrote it and whatever lay there before."""

import os
import stat
from pathlib import Path

import pytest

from studio.cli import serve
from studio.config import Settings
from studio.files import private
from studio.galleries.gallery import Gallery
from studio.lora.library import card_cache
from studio.model_files.hash_cache import HashCache
from studio.model_files.hashes import Stamp
from studio.models import external_dirs
from studio.models.model_index import ModelIndex
from studio.pictures.publish import publish
from studio.runtime.queue import Queue
from tests.torture import fake

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a file system with modes")


def open_to_others(folder):
    """What in the folder, or the folder itself, others may read, write or enter."""
    return [path for path in [folder, *folder.rglob("*")] if stat.S_IMODE(path.lstat().st_mode) & 0o077]


@pytest.fixture(autouse=True)
def _common_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with a picture in it."""
    folder, job = tmp_path_factory.mktemp("pictures"), next(fake.jobs(1))
    publish(fake.picture(job), folder, "one", job, fake.FACTS)
    return folder


def use_everything(state, pictures):
    """Let everybody who writes into the state folder do so."""
    queue = Queue(state / "queue.sqlite")
    queue.add(next(fake.jobs(1)), pictures, "{n}")
    gallery = Gallery(state, [pictures])
    gallery.refresh()
    gallery.thumbnail(gallery.find("").entries[0].id)
    with ModelIndex(state).registry.changing() as models:
        models.folders = [str(pictures)]
    external_dirs.models([pictures / "one.png"], state / "seen.json")
    hashes = HashCache(state / "hashes.sqlite")
    hashes.remembered(pictures / "one.png", "file", Stamp(10**9, 2, 3), lambda _: "0" * 64)
    card_cache._keep({}, state / "loras.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", "x")
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "x")
        serve._configure_gradio(type("Session", (), {"settings": Settings(state=state)}))
    found = open_to_others(state)
    sides = [path.name for path in state.iterdir()]
    queue.close()
    gallery.close()
    return found, sides


def test_every_file_is_for_this_user_alone(state, pictures):
    found, there = use_everything(state, pictures)
    assert found == []
    assert {"queue.sqlite", "queue.sqlite-wal", "hashes.sqlite", "models.json", "web", "owners", "thumbnails"} <= {
        *there
    }
    assert {"loras.json", "seen.json"} <= {*there}


def test_what_an_older_version_left_open_is_closed(state, pictures):
    use_everything(state, pictures)
    for path in state.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    found, _ = use_everything(state, pictures)
    closed = [path for path in state.iterdir() if path.is_dir()]
    assert [path for path in found if not any(folder in path.parents for folder in closed)] == []


def test_the_folder_that_nobody_chose_is_closed_and_one_that_somebody_chose_is_left(tmp_path, monkeypatch):
    chosen, default = tmp_path / "mine", tmp_path / "default"
    for path in (chosen, default):
        path.mkdir(mode=0o755)
    monkeypatch.setattr(private, "default_state", lambda: default)
    private.state_folder(chosen)
    private.state_folder(default)
    assert stat.S_IMODE(chosen.stat().st_mode) == 0o755
    assert stat.S_IMODE(default.stat().st_mode) == 0o700


def test_folders_on_the_way_are_closed_and_those_that_were_there_are_not_touched(tmp_path):
    (tmp_path / "there").mkdir(mode=0o755)
    private.folder(tmp_path / "there" / "a" / "b")
    modes = [stat.S_IMODE((tmp_path / "there" / each).stat().st_mode) for each in (".", "a", "a/b")]
    assert modes == [0o755, 0o700, 0o700]


def test_a_file_system_without_modes_is_no_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "x").write_text("x")
    (tmp_path / "x").chmod(0o644)
    monkeypatch.setattr(Path, "chmod", refuse)
    private.file(tmp_path / "x")
    private.folder(tmp_path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    private.replace(tmp_path / "x.json", b"one")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            private.replace(tmp_path / "x.json", b"two")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"one"]
