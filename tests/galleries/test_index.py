"""The index follows the files, and can be lost."""

import json
import multiprocessing
import os
import shutil
import sqlite3
import time
from contextlib import closing, suppress

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError, OutputError
from studio.galleries.database import FILE
from studio.galleries.entry import AnnotationChange
from studio.galleries.entry_summary import about, data
from studio.galleries.gallery import Gallery
from tests.galleries.conftest import found


def everything(gallery: Gallery) -> object:
    """All that the gallery says."""
    entries = [e for place in ("", "is:input", "is:trash") for e in gallery.find(place, most=1000).entries]
    kinds = ("tag", "collection", "model", "lora", "workflow")
    looks = [[(like.entry.id, like.distance) for like in gallery.similar(e.id)] for e in entries]
    families = [gallery.lineage(e.id) for e in entries]
    names = [gallery.names(kind) for kind in kinds]
    searches = [found(gallery, text) for text in ("star", "print", "licence:cc", "rating:3", "size:square", "-navy")]
    return entries, looks, families, names, searches, gallery.unreadable(), gallery.in_trash()


@pytest.fixture
def full(gallery, folder, make):
    """A gallery with one of everything."""
    lora = {"neon": {"file": "f" * 64, "tensors": "a" * 64, "licence": [{"text": "cc-by", "source": "x"}]}}
    first = make("a navy star", 1, name="first", made="2026-11-01T00:00:00Z")
    gallery.refresh()
    begun = gallery.entry(first.path).id
    second = make("a moon", 2, name="second", into="sub", pins={"picture:image": begun}, loras=lora)
    thrown = make("a fish", 3, name="thrown")
    Image.new("RGB", (20, 10), "red").save(folder / "photo.jpg")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n")
    shutil.copy(first.path, folder / "sub" / "copy.png")
    (folder / "inputs").mkdir()
    shutil.copy(folder / "photo.jpg", folder / "inputs" / f"{'a' * 32}.jpg")
    Image.new("RGB", (5, 5)).save(folder / "inputs" / f"{'b' * 32}.png")
    gallery.refresh()
    gallery.mark(
        [begun, gallery.entry(second.path).id], AnnotationChange(True, 4, "hello", {"Print": True}, {"Spring": True})
    )
    gallery.mark([begun], AnnotationChange(False, 2, tags={"print": False, "web": True}))
    gallery.trash([thrown.path])
    return gallery


def test_all_is_in_the_files(full, tmp_path, folder):
    before = everything(full)
    full.close()
    for file in tmp_path.glob("state/*"):
        if file.name.startswith("gallery-1"):
            file.unlink()
    new = Gallery(tmp_path / "state", [folder])
    new.refresh()
    assert everything(new) == before
    assert everything(Gallery.rebuilt(tmp_path / "state")) == before
    assert everything(Gallery.rebuilt(tmp_path / "elsewhere", [folder])) == before


def test_what_the_index_is_made_of(full):
    assert found(full) == ["first", "photo", "second"]
    (uploaded,) = full.find("is:input").entries
    assert uploaded.size == (5, 5)
    first = full.find("seed:1").entries[0]
    assert [file.name for file in first.files] == ["first.png", "copy.png"]
    assert (first.marks.rating, first.marks.favourite, first.marks.tags) == (2, False, ("web",))
    assert [used.licence for used in full.find("seed:2").entries[0].uses] == ["apache-2.0", "cc-by"]
    assert [file.path.name for file in full.unreadable()] == ["broken.png"]
    assert full.names("tag") == {"Print": 1, "web": 1}


def test_files_are_never_rewritten(gallery, make):
    picture = make()
    gallery.refresh()
    before, stamp = picture.path.read_bytes(), picture.path.stat()
    gallery.mark([gallery.entry(picture.path).id], AnnotationChange(True, 5, "x", {"a": True}, {"b": True}))
    gallery.restore(gallery.trash([picture.path]))
    assert picture.path.read_bytes() == before
    assert picture.path.stat().st_mtime_ns == stamp.st_mtime_ns


def test_renaming_moving_and_copying_lose_nothing(full, folder, tmp_path):
    one = full.find("seed:2").entries[0]
    one.path.rename(folder / "renamed.png")
    full.refresh()
    moved = full.entry(one.id)
    assert (moved.path.name, moved.marks, moved.made) == ("renamed.png", one.marks, one.made)
    assert found(full, "renamed") == ["renamed"]
    shutil.copytree(folder, tmp_path / "carried")
    other = Gallery(tmp_path / "another machine", [tmp_path / "carried"])
    other.refresh()
    assert other.entry(one.id).marks == one.marks
    shutil.move(folder / "renamed.png", tmp_path / "carried" / "sub" / "deep.png")
    both = Gallery(tmp_path / "state", [tmp_path / "carried"])
    both.refresh()
    assert both.entry(one.id).marks == one.marks
    assert folder / "renamed.png" not in both.entry(one.id).files


def test_only_what_is_new_is_read(gallery, make, folder):
    made = [make(seed=n) for n in range(3)]
    assert gallery.refresh().read == 3
    assert (gallery.refresh().read, gallery.refresh().gone) == (0, 0)
    made[0].path.unlink()
    os.utime(made[1].path)
    result = gallery.refresh()
    assert (result.read, result.gone) == (1, 1)
    made[2].path.write_bytes(made[1].path.read_bytes())
    gallery.refresh()
    assert len(gallery.find().entries) == 1


def test_links_hidden_files_and_strange_ones_are_passed_over(gallery, make, folder, tmp_path):
    elsewhere = make(into="../elsewhere").path
    (folder / "link.png").symlink_to(elsewhere)
    (folder / "linked").symlink_to(elsewhere.parent)
    (folder / "loop").symlink_to(folder)
    (folder / ".hidden").mkdir()
    for name in (".hidden/x.png", ".x.png", "text.txt"):
        shutil.copy(elsewhere, folder / name)
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    (folder / "empty.png").touch()
    shutil.copy(elsewhere, folder / os.fsdecode(b"bad\xff.png"))
    assert gallery.refresh().read == 1
    assert found(gallery) == []
    assert sorted(file.path.name for file in gallery.unreadable()) == ["bad\\xff.png", "empty.png"]


def test_the_small_copies_on_a_contact_sheet_are_no_pictures_of_their_own(gallery, make, folder):
    copies = folder / "shop" / "contact-sheet"
    copies.mkdir(parents=True)
    make().path.rename(copies / "page-1.png")
    assert gallery.refresh().read == 1  # somebody's own folder of that name
    copies.with_suffix(".html").write_text("<!doctype html>")
    gallery.refresh()
    assert gallery.find("").total == 0


def test_a_mark_for_what_is_not_here_is_refused(gallery, make, folder):
    make()
    gallery.refresh()
    one = gallery.find().entries[0].id
    with pytest.raises(InputError, match="no picture"):
        gallery.mark([one, "f" * 64], AnnotationChange(rating=3))
    assert not (folder / ".studio").exists()


def record(path, told) -> None:
    info = PngInfo()
    text = told if isinstance(told, str) else json.dumps(told)
    info.add_itxt("studio", text.encode("utf-8", "surrogatepass"))
    Image.new("RGB", (4, 4)).save(path, pnginfo=info)


def hostile():
    """Records that somebody wrote to do harm, and things that are no records."""
    odd = [
        *(None, True, 0, -1, 10**30, 1e400, float("nan"), [], {}, [[]], {"a": {"b": []}}),
        *("", "x" * 30_000, "\0", "\ud800", "'; DROP TABLE pictures; --", "{{7*7}}", "<script>", "../../x"),
        "__import__('os').system('touch /tmp/harm')",
    ]
    job = {"workflow": "w", "definition": {"title": "t"}, "values": {"prompt": "p"}, "seed": 1, "pins": {}}
    for value in odd:
        yield value
        yield {"job": value}
        for key in job:
            yield {"job": {**job, key: value}}
        for key in ("made", "models", "loras", "prompt", "size"):
            yield {"job": job, key: value}
        yield {"job": job, "models": {"m": value}, "loras": {"l": {"licence": value}}}
        yield {"job": job, "models": {str(value): {"licence": [value, {"text": value}]}}}
        yield {"job": {**job, "pins": {"picture:image": value, f"picture:{value}": "f" * 64}}}
        yield {"job": {**job, "values": {"prompt": value, "negative_prompt": value}, "definition": {"title": value}}}
    deep = []
    for _ in range(400):
        deep = [{"text": deep}]
    yield {"job": job, "models": {"m": {"licence": deep}}}
    yield {"job": job, "models": {f"m{n}": {} for n in range(5000)}}
    yield {"job": {**job, "pins": {f"picture:{n}": f"{n:064}" for n in range(5000)}}}
    yield from (
        '{"job": ' * 100_000,
        "[" * 100_000,
        '{"job": {"seed": ' + "9" * 5000 + "}}",
        "{",
        "NaN",
        '{"job": {}, "job": 1}',
    )


def test_hostile_records_are_data(gallery, folder):
    told = list(hostile())
    for n in range(500 - len(told)):
        told.append(json.dumps({"job": {"values": {"prompt": chr(n * 97 % 0xD7FF)}}})[: n + 3])
    for n, one in enumerate(told):
        record(folder / f"{n:03}.png", one)
    gallery.refresh()
    assert len(told) >= 500
    assert gallery.unreadable() == []
    entries = gallery.find(most=1000).entries
    assert sum(len(entry.files) for entry in entries) == len(told)
    assert all(isinstance(entry.prompt, str) and len(entry.prompt) <= 20_000 for entry in entries)
    for entry in entries[:50]:
        gallery.lineage(entry.id)


def test_dates_beyond_reason_are_unknown_and_the_rest_goes_on(gallery, make, folder):
    make("a star", 1, name="now")
    for n, made in enumerate(
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+00:00"), 2
    ):
        os.utime(make("a star", n, name=f"record-{n}", made=made).path, (0, 0))
    for n, when in enumerate((2**34, -(2**40)), 8):
        with suppress(OSError):  # of a time that this disk cannot keep
            file = folder / f"file-{n}.png"
            Image.new("RGB", (16, 16), (n, n, n)).save(file)
            os.utime(file, (when, when))
    gallery.refresh()
    page = gallery.find(most=2)
    entries, after = list(page.entries), page.next
    while after:
        page = gallery.find(most=2, after=after)
        entries, after = [*entries, *page.entries], page.next
    assert len(entries) == len({entry.id for entry in entries}) == 6
    assert entries[0].path.stem == "now"
    for entry in entries:
        assert dict(about(entry))["made"]
        assert json.dumps(data(entry))
    assert (
        dict(about(next(entry for entry in entries if entry.path.stem == "record-2")))["made"] == "1970-01-01 00:00:00"
    )
    assert found(gallery, "date:2026..") == ["now"]
    assert gallery.refresh().read == 0


def test_a_date_in_an_index_of_before_is_unknown(gallery, make, tmp_path):
    make("a star", 1)
    gallery.refresh()
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as db, db:
        db.execute("UPDATE pictures SET made = ?", (-(2**62),))
    (entry,) = gallery.find().entries
    assert (entry.made, dict(about(entry))["made"], data(entry)["made"]) == (None, "unknown", None)


def test_a_damaged_list_of_folders_is_named_and_the_others_are_looked_through(gallery, make, tmp_path, folder):
    make("a star", 1)
    with (tmp_path / "state" / "gallery-folders.txt").open("ab") as file:
        file.write(b"/\0x\n\xff\xfe\n" + b"y" * 5000 + b"\n")
    gallery.refresh()
    assert found(gallery) == ["x"]
    assert gallery.folders == [folder]
    said = {one.path.name[:20]: one.why for one in gallery.unreadable()}
    assert "line 2" in said["gallery-folders.txt"]
    assert said["y" * 20] == "File name too long"
    gallery.refresh()
    assert len(gallery.unreadable()) == len(said) == 2


def test_what_lies_in_the_place_of_pictures_and_journals_stops_nothing(gallery, make, folder):
    make("a star", 1)
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "round.png").symlink_to("round.png")
    (folder / "empty.png").touch()
    with (folder / "huge.png").open("wb") as file:
        file.truncate(20 * 2**30)
    (folder / ".studio").mkdir()
    with (folder / ".studio" / "marks.jsonl").open("wb") as file:
        file.truncate(20 * 2**30)
    shutil.copyfile(folder / "x.png", folder / os.fsdecode(b"f\xfcr.png"))
    gallery.refresh()
    assert found(gallery) == ["x"]
    assert {one.path.name for one in gallery.unreadable()} == {"empty.png", "huge.png", "marks.jsonl", "f\\xfcr.png"}


def test_a_text_that_unpacks_to_a_bomb_is_listed_and_the_rest_goes_on(gallery, folder, make):
    make()
    info = PngInfo()
    info.add_text("studio", "x" * 50_000_000, zip=True)
    Image.new("RGB", (4, 4)).save(folder / "bomb.png", pnginfo=info)
    gallery.refresh()
    assert found(gallery) == ["x"]
    (left,) = gallery.unreadable()
    assert "not a picture that can be read" in left.why


def test_an_index_that_is_none_is_said_and_made_anew(tmp_path, folder, make):
    make()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE).write_bytes(b"nonsense " * 1000)
    with pytest.raises(OutputError, match="studio gallery rebuild"):
        Gallery(tmp_path / "state", [folder])
    assert found(Gallery.rebuilt(tmp_path / "state", [folder])) == ["x"]


def test_a_folder_that_is_away_is_not_forgotten(full, folder, tmp_path):
    before = everything(full)
    folder.rename(tmp_path / "away")
    full.refresh()
    assert full.find().total == 0
    (tmp_path / "away").rename(folder)
    full.refresh()
    assert everything(full) == before


def write_and_mark(state, folder, ids, tag) -> None:
    gallery = Gallery(state, [folder])
    for one in ids:
        gallery.mark([one], AnnotationChange(tags={tag: True}))
        gallery.refresh()


def test_several_processes_share_the_files(gallery, make, folder, tmp_path):
    for n in range(10):
        make(seed=n)
    gallery.refresh()
    ids = [entry.id for entry in gallery.find().entries]
    work = multiprocessing.get_context("fork")
    each = [work.Process(target=write_and_mark, args=(tmp_path / "state", folder, ids, f"by {n}")) for n in range(4)]
    for process in each:
        process.start()
    for process in each:
        process.join()
    gallery.refresh()
    assert [process.exitcode for process in each] == [0] * 4
    assert {entry.marks.tags for entry in gallery.find().entries} == {("by 0", "by 1", "by 2", "by 3")}
    assert len((folder / ".studio" / "marks.jsonl").read_text().splitlines()) == 40


def test_a_locked_index_is_waited_for_only_so_long(tmp_path, folder, make):
    gallery = Gallery(tmp_path / "state", [folder], patience=0.1)
    picture = make()
    other = sqlite3.connect(tmp_path / "state" / FILE)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(OutputError, match="locked"):
        gallery.add(picture.path)
    assert time.monotonic() - began < 2
    other.rollback()
    gallery.refresh()
    assert found(gallery) == ["x"]


def test_a_picture_is_found_by_its_file_and_by_the_beginning_of_its_id(gallery, make, folder, tmp_path):
    picture = make()
    one = gallery.entry(picture.path)  # read just now
    assert gallery.entry(one.id[:8]) == gallery.entry(str(picture.path)) == one
    for nothing in ("", "zz", "a%", "\0", "x" * 5000, str(tmp_path), str(make(into="../b").path)):
        with pytest.raises(InputError, match="no picture"):
            gallery.entry(nothing)


def test_pictures_of_other_tools_are_found_by_what_they_say(gallery, folder):
    text = (
        "a lighthouse at dusk <lora:ink:0.7>\nNegative prompt: people\n"
        "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 99, Size: 512x512, Model: dreamy"
    )
    info = PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (8, 8)).save(folder / "foreign.png", pnginfo=info)
    gallery.refresh()
    for words in ("lighthouse", "people", "seed:99", "model:dreamy", "lora:ink", "A1111"):
        assert found(gallery, words) == ["foreign"], words
