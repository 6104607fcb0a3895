import pytest

from studio.errors import InputError, OutputError
from studio.files.atomic_write import arriving


def test_a_file_and_a_folder_come_whole(tmp_path):
    with arriving(tmp_path / "deep/file.txt") as begun:
        begun.write_text("all of it")
        assert not (tmp_path / "deep/file.txt").exists()
    with arriving(tmp_path / "folder") as begun:
        (begun / "within").mkdir(parents=True)
    assert (tmp_path / "deep/file.txt").read_text() == "all of it"
    assert {file.name for file in tmp_path.rglob("*")} == {"deep", "file.txt", "folder", "within"}


@pytest.mark.parametrize("ends", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_of_what_ended_early(tmp_path, ends):
    with pytest.raises(ends), arriving(tmp_path / "folder") as begun:
        begun.mkdir()
        (begun / "half").touch()
        raise ends
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_never_written_over(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is there already; nothing was written"), arriving(tmp_path / "file") as begun:
        begun.write_text("other")
    with pytest.raises(InputError, match="is there already"), arriving(tmp_path / "late") as begun:
        begun.write_text("other")
        (tmp_path / "late").write_text("mine")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"file": "mine", "late": "mine"}


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"'.*/file/new' cannot be written: "), arriving(tmp_path / "file/new"):
        pass
