import pytest

from studio.errors import InputError, OutputError
from studio.files.atomic_write import is_temporary, new_path, replace_file, temporary_path, write_new


def test_a_file_and_a_folder_come_whole(tmp_path):
    with new_path(tmp_path / "deep/file.txt") as begun:
        begun.write_text("all of it")
        assert not (tmp_path / "deep/file.txt").exists()
    with new_path(tmp_path / "folder") as begun:
        (begun / "within").mkdir(parents=True)
    assert (tmp_path / "deep/file.txt").read_text() == "all of it"
    assert {file.name for file in tmp_path.rglob("*")} == {"deep", "file.txt", "folder", "within"}


@pytest.mark.parametrize("ends", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_of_what_ended_early(tmp_path, ends):
    with pytest.raises(ends), new_path(tmp_path / "folder") as begun:
        begun.mkdir()
        (begun / "half").touch()
        raise ends
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_never_written_over(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is there already; nothing was written"), new_path(tmp_path / "file") as begun:
        begun.write_text("other")
    with pytest.raises(InputError, match="is there already"), new_path(tmp_path / "late") as begun:
        begun.write_text("other")
        (tmp_path / "late").write_text("mine")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"file": "mine", "late": "mine"}


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"'.*/file/new' cannot be written: "), new_path(tmp_path / "file/new"):
        pass


def test_a_file_is_replaced_whole_with_the_mode_that_is_asked_for(tmp_path):
    for content in (b"one", b"two"):
        replace_file(tmp_path / "file", content, 0o600)
    assert [(file.read_bytes(), file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [(b"two", 0o600)]


def test_a_new_file_is_never_written_over_another(tmp_path):
    write_new(tmp_path / "file", b"mine")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "file", b"other")
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_what_is_at_a_temporary_path_is_deleted(tmp_path):
    with pytest.raises(ValueError, match="stop"), temporary_path(tmp_path) as path:
        path.touch()
        assert is_temporary(path.name)
        raise ValueError("stop")
    assert not list(tmp_path.iterdir())
