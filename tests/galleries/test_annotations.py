"""What people say, line by line."""

import json

import pytest

from studio.errors import InputError, OutputError
from studio.galleries import annotations
from studio.galleries.entry import AnnotationChange, Annotations

ONE, OTHER = "1" * 64, "2" * 64


def test_the_last_word_counts_for_each_thing_by_itself(folder):
    annotations.write(folder, [ONE, OTHER], AnnotationChange(True, 3, "a", {"Red": True, "blue": True}))
    annotations.write(
        folder, [ONE], AnnotationChange(rating=5, tags={"red": False, "new": True}, collections={"x": True})
    )
    annotations.write(folder, [ONE], AnnotationChange(note=""))
    said = annotations.fold([folder / ".studio" / "marks.jsonl"])
    assert said[ONE] == Annotations(True, 5, "", ("blue", "new"), ("x",))
    assert said[OTHER] == Annotations(True, 3, "a", ("blue", "Red"))


def test_a_torn_line_costs_that_line_alone(folder):
    annotations.write(folder, [ONE], AnnotationChange(rating=3))
    path = folder / ".studio" / "marks.jsonl"
    with path.open("ab") as file:
        file.write(path.read_bytes()[:-9])
    annotations.write(folder, [ONE], AnnotationChange(note="after"))
    assert annotations.fold([path]) == {ONE: Annotations(rating=3, note="after")}
    path.write_bytes(path.read_bytes()[:-4])
    assert annotations.fold([path]) == {ONE: Annotations(rating=3)}


def test_between_journals_the_later_time_counts_and_a_clock_set_back_changes_nothing(tmp_path):
    def line(at, rating):
        return json.dumps({"picture": ONE, "at": f"2026-11-0{at}T00:00:00+00:00", "rating": rating}) + "\n"

    (tmp_path / "a").write_text(line(2, 1) + line(5, 2) + line(1, 3))
    (tmp_path / "b").write_text(line(4, 4))
    assert annotations.fold([tmp_path / "b", tmp_path / "a"])[ONE].rating == 3


@pytest.mark.parametrize(
    "line",
    [
        "[]", "1", "null", "{}", '{"picture": 1, "at": 1}', "[" * 100_000, "\0", "x" * 300_000,
        json.dumps({"picture": ONE, "at": "never", "rating": 1}),
        json.dumps({"picture": ONE[1:], "at": "2026-11-01T00:00:00+00:00", "rating": 1}),
        json.dumps({"picture": ONE, "at": "2026-11-01T00:00:00+00:00", "rating": 9}),
        json.dumps({"picture": ONE, "at": "2026-11-01T00:00:00+00:00", "tags": {"\n": True}}),
        json.dumps({"picture": ONE, "at": "0001-01-01T00:00:00+14:00", "rating": 1}),
    ],
)  # fmt: skip
def test_what_is_no_line_of_ours_is_passed_over(tmp_path, line):
    (tmp_path / "j").write_text(f"{line}\n")
    assert annotations.fold([tmp_path / "j"]) == {}


TAGS = ("", "a\nb", " a", "a\u202eb", "x" * 101)
WRONG = [
    AnnotationChange(rating=6),
    AnnotationChange(rating=-1),
    AnnotationChange(note="x" * 10_001),
    AnnotationChange(collections={"": True}),
]


@pytest.mark.parametrize("change", [*WRONG, *(AnnotationChange(tags={tag: True}) for tag in TAGS)])
def test_what_cannot_be_said_is_refused(gallery, make, folder, change):
    make()
    gallery.refresh()
    with pytest.raises(InputError):
        gallery.mark([gallery.find().entries[0].id], change)
    assert not (folder / ".studio").exists()


def test_a_journal_that_leads_elsewhere_is_not_written(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / ".studio").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="link"):
        annotations.write(folder, [ONE], AnnotationChange(rating=1))
    (folder / ".studio").unlink()
    (folder / ".studio").mkdir()
    (folder / ".studio" / "marks.jsonl").symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError, match="nothing was marked"):
        annotations.write(folder, [ONE], AnnotationChange(rating=1))
    assert list((tmp_path / "elsewhere").iterdir()) == []
