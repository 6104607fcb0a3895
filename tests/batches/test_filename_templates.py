"""Where pictures go."""

import pytest

from studio.batches.tables.table import of_python
from studio.batches.tasks import batch
from studio.errors import TableError
from studio.parameters.value_lists import Axis
from tests import here


@pytest.fixture
def places(text_to_image):
    def named(rows, *grid, name="", **how):
        tasks = batch(text_to_image, here.library(), of_python(rows), map(Axis.parse, grid), name=name, **how).tasks
        return [str(task.place) for task in tasks]

    return named


def test_fields_are_columns_inputs_and_axes(places):
    row = {"prompt": "A Red/Sun", "SKU": "Ä 47/11", "size": "64x128", "seed": 7, "count": 2}
    assert places([row], "steps=3,4", name="{steps}/{sku}/{Size}_{seed}-{n}-{workflow}-{model}-{row}.png") == [
        f"{steps}/Ä-47-11/64x128_{seed}-text-to-image-spark-1.png"
        for steps, seed in ((3, "7-1"), (3, "8-2"), (4, "7-1"), (4, "8-2"))
    ]  # fmt: skip


def test_without_a_template_a_column_made_for_it_names_the_files(places):
    rows = [{"prompt": "x", "sku": "A1", "name": "Sun"}, {"prompt": "y", "sku": "A2", "name": "Moon", "count": 2}]
    assert places(rows, keep=["sku"]) == ["Sun.png", "Moon.png", "Moon-2.png"]
    assert places(rows[:1], "steps=3,4", keep=["sku"]) == ["Sun-3.png", "Sun-4.png"]


def test_else_the_prompt_does_with_a_key_that_tells_pictures_apart(places):
    first, second, other = places([{"prompt": "a sun", "count": 2}, {"prompt": "a sun"}])
    assert len({first, second, other}) == 3
    assert first.startswith("a-sun-")
    assert second.endswith("-2.png")


def test_two_files_of_one_place_are_told_with_both_rows(places):
    rows = [{"prompt": "x", "id": "A1"}, {"prompt": "y", "id": "B"}, {"prompt": "z", "id": "a1"}]
    assert places(rows[:2]) == ["A1.png", "B.png"]
    with pytest.raises(TableError, match=r"^row 3: its file would be 'a1.png', as that of row 1; tell them apart"):
        places(rows)
    with pytest.raises(TableError, match=r"row 2: its file would be 'é.png', as that of row 1"):
        places([{"prompt": "x", "id": "\u00c9"}, {"prompt": "y", "id": "e\u0301"}])
    with pytest.raises(TableError, match="requests the same picture as row 1"):
        places([{"prompt": "x", "seed": 1}] * 2)
    with pytest.raises(TableError, match="as that of another picture of this row"):
        places([{"prompt": "x", "id": "a"}], "steps=3,4", name="{id}")


@pytest.mark.parametrize("cell", ["../../etc/passwd", "/abs", "C:\\x", "a\0b", "..", "con", "x" * 500, "海" * 500, "★"])
def test_no_cell_leaves_its_folder(places, cell):
    (place,) = places([{"prompt": "x", "folder": cell, "file": cell}], name="{folder}/{file}")
    folder, file = place.split("/")
    assert folder not in ("", ".", "..", "con")
    assert len(file.encode()) <= 255
    assert file.removesuffix(".png").isprintable()
