"""Thrown away, brought back, deleted: and never anything else."""

import shutil

import pytest

from studio.errors import InputError, OutputError
from studio.galleries.gallery import Gallery
from tests.galleries.conftest import found


def test_there_and_back(gallery, make, folder):
    picture = make(into="sub", name="star")
    gallery.refresh()
    (now,) = gallery.trash([picture.path])
    assert now.is_relative_to(folder / ".studio" / "trash")
    assert (found(gallery), found(gallery, "is:trash")) == ([], ["star"])
    assert gallery.refresh().read == 0
    assert gallery.find_in_trash(picture.path) == gallery.find_in_trash(now) == [now]
    shutil.rmtree(folder / "sub")
    assert gallery.restore([now]) == [picture.path]
    assert found(gallery) == ["star"]
    assert list((folder / ".studio" / "trash").iterdir()) == []


def test_nothing_is_ever_written_over(gallery, make):
    first = make(seed=1, name="star")
    gallery.refresh()
    gallery.trash([first.path])
    second = make(seed=2, name="star")
    gallery.refresh()
    gallery.trash([second.path])
    third = make(seed=3, name="star")
    before = third.path.read_bytes()
    gallery.refresh()
    assert len(gallery.find_in_trash(third.path)) == 2
    back = gallery.restore(gallery.in_trash().files)
    assert sorted(path.name for path in back) == ["star-2.png", "star-3.png"]
    assert third.path.read_bytes() == before
    assert gallery.find().total == 3


def test_a_copy_that_stays_keeps_the_picture_here(gallery, make, folder):
    picture = make()
    shutil.copy(picture.path, folder / "copy.png")
    gallery.refresh()
    gallery.trash([picture.path])
    (entry,) = gallery.find().entries
    assert (entry.place, entry.files) == ("here", (folder / "copy.png",))
    gallery.trash(entry.files)
    assert gallery.find("is:trash").total == 1
    assert len(gallery.in_trash().files) == 2


def test_emptying_deletes_what_was_said_and_nothing_else(gallery, make, folder, tmp_path):
    gone, stays = make(seed=1, name="gone"), make(seed=2, name="stays")
    gallery.refresh()
    small = gallery.thumbnail(gallery.entry(gone.path).id)
    gallery.trash([gone.path])
    (folder / ".studio" / "trash" / "note.txt").write_text("somebody's")
    said = gallery.in_trash()
    assert (len(said.files), said.bytes) == (1, said.files[0].stat().st_size)
    later = make(seed=3, name="later")
    gallery.refresh()
    gallery.trash([later.path])
    gallery.empty(said)
    assert not small.exists()
    assert stays.path.exists()
    assert (folder / ".studio" / "trash" / "note.txt").exists()
    assert found(gallery, "is:trash") == ["later"]
    with pytest.raises(InputError, match="not in the trash"):
        gallery.empty(type(said)((stays.path,), 0))
    assert stays.path.exists()


def test_what_is_not_in_the_folders_is_left_alone(gallery, make, folder, tmp_path):
    outside = make(into="../outside").path
    (folder / "link.png").symlink_to(outside)
    (folder / "linked").symlink_to(outside.parent)
    for path in (
        outside,
        folder / "link.png",
        folder / "linked" / outside.name,
        folder / ".." / "outside" / outside.name,
        folder,
    ):
        with pytest.raises(InputError):
            gallery.trash([path])
    with pytest.raises(InputError):
        gallery.restore([outside])
    assert outside.exists()


def test_a_trash_that_leads_elsewhere_is_not_used(gallery, make, folder, tmp_path):
    picture = make()
    gallery.refresh()
    (tmp_path / "elsewhere").mkdir()
    (folder / ".studio").mkdir()
    (folder / ".studio" / "trash").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="link"):
        gallery.trash([picture.path])
    (folder / ".studio" / "trash").unlink()
    (folder / ".studio").rmdir()
    (folder / ".studio").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="link"):
        gallery.trash([picture.path])
    assert picture.path.exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_way_back_that_leads_elsewhere_is_not_taken(gallery, make, folder, tmp_path):
    picture = make(into="sub")
    gallery.refresh()
    thrown = gallery.trash([picture.path])
    (folder / "sub").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="link"):
        gallery.restore(thrown)
    assert thrown[0].exists()


def test_the_trash_is_known_from_the_files_alone(gallery, make, tmp_path, folder):
    picture = make(into="sub")
    gallery.refresh()
    gallery.trash([picture.path])
    again = Gallery(tmp_path / "other state", [folder])
    again.refresh()
    assert again.restore(again.find_in_trash(picture.path)) == [picture.path]
