"""The table of families in the docs is what runs, and each cell's run is a test of its own; see ``columns``."""

import pytest

from studio.errors import ModelError
from studio.families.base.request_check import check
from studio.parameters.request import Request
from tests.families import parts, table, tiny
from tests.families.columns import COLUMNS

# One that always draws a million pixels, some that take half a minute, and variants that run as their plain models do.
SLOW = {"hidream", "hunyuan_image_distilled", "kandinsky3", "sd1_inpaint", "sd2_base", "sdxl_inpaint", "sdxl_refiner",
        "sdxl_turbo"}  # fmt: skip
MODELS = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in tiny.BUILDERS]


@pytest.mark.parametrize("name", MODELS)
def test_a_row_of_the_table_is_what_runs(name, card):
    found = card(name)
    assert table.row(found) == table.written()[found.family.title]


def test_the_table_holds_these_rows_and_columns_only(card):
    titles = {card(name).family.title for name in tiny.BUILDERS}
    cannot = {line.split("|")[1].strip(): line for line in table.absent()}
    written = table.written()
    head = written.pop("model")
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["model", *COLUMNS]
    assert written.keys() == titles | cannot.keys()
    assert cannot.items() <= written.items()


@pytest.mark.parametrize("title", [line.split("|")[1].strip() for line in table.absent()])
def test_what_cannot_run_says_so(title):
    (family,) = (each for each in table.everything() if each.title == title)
    with pytest.raises(ModelError, match=f"{title} cannot run here: it needs torchvision"):
        check(family, Request(prompt="a star", steps=2, guidance=4.0, width=1024, height=1024))


def test_what_needs_torchvision_does():
    """Once this fails, try without: their processors may have learnt to."""
    import transformers

    assert "requires the Torchvision" in _refusal(transformers.PixtralProcessor)  # of FLUX.2 dev
    eyes, tokenizer = transformers.Qwen2VLImageProcessorPil(), parts.qwen_tokenizer()  # of Qwen and Kandinsky
    assert "VIDEO_PROCESSOR_MAPPING" in _refusal(lambda: transformers.Qwen2_5_VLProcessor(eyes, tokenizer))


def _refusal(make):
    with pytest.raises((ImportError, AttributeError)) as refused:
        make()
    return str(refused.value)
