"""The table of LoRAs in the docs is what runs."""

import pytest

from tests.families import loras
from tests.lora import lorafiles

SLOW = {"hidream"}  # which always draws a million pixels


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in loras.FAMILIES]
)
def test_a_row_of_the_table_is_what_runs(name, card, tmp_path):
    found = card(name)
    assert loras.row(found, tmp_path) == loras.written()[found.family.title]


def test_the_table_holds_these_rows_and_columns_only(card):
    written = loras.written()
    head = written.pop("model")
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["model", *lorafiles.FORMS, *loras.BESIDES]
    assert written.keys() == {card(name).family.title for name in loras.FAMILIES}
