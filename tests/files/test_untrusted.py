import os
import socket
from pathlib import Path

import pytest

from studio.files import untrusted as files

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")


def refused(path):
    with pytest.raises(OSError, match=".") as caught:
        files.open_file(path)
    return caught.value.strerror


@needs_pipes
def test_only_regular_files_are_opened_and_nothing_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert refused(tmp_path / "socket") == "it is a socket, not a file"
    assert refused(tmp_path / "pipe") == "it is a named pipe, not a file"
    assert refused(tmp_path / "link") == "it is a named pipe, not a file"
    assert refused(tmp_path) == "it is a folder, not a file"
    assert refused("/dev/zero") == "it is a device, not a file"
    assert refused(tmp_path / "round") == os.strerror(40)
    assert refused(tmp_path / "none") == "No such file or directory"


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300, "x/" * 3000])
def test_names_that_no_file_can_have_are_no_trouble(tmp_path, name):
    assert refused(f"{tmp_path}/{name}")
    path = f"{tmp_path}/{name}"
    assert not (files.is_file(path) or files.is_folder(path) or files.exists(path))
    assert files.resolved(path).is_absolute()


def test_a_file_is_read_up_to_its_limit(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert files.read_file(tmp_path / "x", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        files.read_file(tmp_path / "x", 4)


def test_links_in_a_circle_are_resolved_to_themselves(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert files.resolved(tmp_path / "a").parent == tmp_path.resolve()


@pytest.fixture
def deep(tmp_path, monkeypatch):
    """A folder deeper than a stack, which nobody else could delete."""
    monkeypatch.chdir(tmp_path)
    for _ in range(1500):
        os.mkdir("deep")  # noqa: PTH102
        os.chdir("deep")
    yield
    while Path.cwd() != tmp_path:
        os.chdir("..")
        os.rmdir("deep")  # noqa: PTH106


@needs_pipes
def test_a_walk_finds_files_in_order_and_passes_over_all_else(tmp_path, deep):
    for name in ("b/y", "b/x", "a", "c/d/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    found = [file.relative_to(tmp_path).as_posix() for file in files.walk_files(tmp_path)]
    assert found == ["a", "b/x", "b/y", "c/d/z"]
    assert list(files.walk_files(tmp_path / "none")) == []


def test_names_that_are_no_text_are_told(tmp_path):
    assert files.named_in_text(tmp_path / "größe 😀")
    assert not files.named_in_text(os.fsdecode(b"f\xfcr"))
