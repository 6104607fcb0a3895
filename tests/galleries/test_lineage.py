"""What came from what, by content alone."""

import hashlib
import shutil

import pytest

from studio.ui.uploads import keep


def sha(picture) -> str:
    return hashlib.sha256(picture.path.read_bytes()).hexdigest()


def names(relatives):
    return {(one.entry.path.stem if one.entry else None, one.input): names(one.further) for one in relatives}


def test_both_ways(gallery, make, folder):
    first = make(seed=1, name="first")
    second = make(
        seed=2, name="second", pins={"picture:image": sha(first), "picture:mask": "f" * 64, "model:spark": "e" * 64}
    )
    make(seed=3, name="third", pins={"picture:image": sha(second)})
    make(seed=4, name="fourth", pins={"picture:image": sha(second)})
    gallery.refresh()
    lineage = gallery.lineage(sha(second))
    assert names(lineage.ancestors) == {("first", "image"): {}, (None, "mask"): {}}
    assert names(lineage.descendants) == {("third", "image"): {}, ("fourth", "image"): {}}
    whole = gallery.lineage(sha(first))
    assert names(whole.descendants) == {("second", "image"): {("third", "image"): {}, ("fourth", "image"): {}}}
    assert not whole.more


def test_an_upload_is_the_picture_it_is_a_copy_of(gallery, make, folder):
    first = make(seed=1, name="first")
    uploaded = keep(first.path.read_bytes(), folder)
    second = make(seed=2, name="second", pins={"picture:image": hashlib.sha256(uploaded.read_bytes()).hexdigest()})
    gallery.refresh()
    assert names(gallery.lineage(sha(second)).ancestors) == {("first", "image"): {}}
    first.path.unlink()
    gallery.refresh()
    (begun,) = gallery.lineage(sha(second)).ancestors
    assert (begun.entry.place, begun.entry.path) == ("input", uploaded)


def test_a_renamed_picture_keeps_its_family(gallery, make, folder):
    first = make(seed=1, name="first")
    second = make(seed=2, name="second", pins={"picture:image": sha(first)})
    (folder / "kept").mkdir()
    shutil.move(first.path, folder / "kept" / "other.png")
    gallery.refresh()
    assert names(gallery.lineage(sha(second)).ancestors) == {("other", "image"): {}}


@pytest.fixture
def forged(gallery, make):
    """Pictures whose index says that they came from one another, in every direction."""
    ids = []
    for n in range(12):
        ids.append(sha(make(seed=n, name=f"n{n}")))
    gallery.refresh()
    for child in ids:
        for parent in ids:
            gallery._index.ask("INSERT INTO parents VALUES (?, ?, 'image')", child, parent)
    return ids


def test_a_forged_circle_is_cut(gallery, forged):
    lineage = gallery.lineage(forged[0])

    def count(relatives):
        return sum(1 + count(one.further) for one in relatives)

    assert (count(lineage.ancestors), count(lineage.descendants)) == (11, 11)


def test_a_family_too_large_to_list_says_so(gallery, make):
    first = make(seed=1)
    gallery.refresh()
    for n in range(300):
        gallery._index.ask("INSERT INTO parents VALUES (?, ?, 'image')", sha(first), f"{n:064}")
    lineage = gallery.lineage(sha(first))
    assert lineage.more
    assert len(lineage.ancestors) < 300
