"""A batch in a notebook, without a browser."""

import threading

import pytest

from studio.api import batch, checked, plan
from studio.batches import run_batch as filling
from studio.errors import Cancelled, Problem, TableError
from studio.notebook.batch_progress import BatchProgress
from studio.notebook.tables import Table

ROWS = [{"name": "one", "prompt": "a red circle on white"}, {"name": "two", "prompt": "a blue star on white"}]
ASKED = {"workflow": "text-to-image", "steps": 2}


@pytest.fixture(autouse=True)
def own_state(monkeypatch, tmp_path, session):
    """The process's session, in an empty folder."""
    monkeypatch.setattr("studio.api.session", lambda: session)
    monkeypatch.setattr("studio.notebook.batch_progress.session", lambda: session)
    monkeypatch.chdir(tmp_path)


def test_it_shows_how_it_goes_and_says_what_was_made(tmp_path):
    live = BatchProgress(checked(ROWS, **ASKED), "shop")
    assert str(live.wait()) == "2 pictures made"
    assert [item["label"] for item in live._strip.items] == ["two", "one"]
    assert 'value="1.000"' in live._page.value and "2 pictures made; all is in &#x27;shop&#x27;" in live._page.value
    assert live._stop.disabled
    assert (tmp_path / "shop" / "contact-sheet.html").is_file()
    assert str(BatchProgress(checked(ROWS, **ASKED), "shop").wait()) == "0 pictures made, 2 were there"
    assert repr(batch(ROWS, out="shop", **ASKED)) == "<0 pictures made, 2 were there>"


def test_stop_keeps_what_is_finished_and_it_goes_on():
    rows = [{"name": str(n), "prompt": "a star", "seed": n} for n in range(200)]
    live, begun = BatchProgress(checked(rows, **ASKED), "shop"), threading.Event()
    live._strip.observe(lambda _: begun.set(), "items")
    assert begun.wait(60)
    live._stop.click()
    with pytest.raises(Cancelled):
        live.wait()
    assert "Stopped. What is finished is kept" in live._page.value
    assert batch(rows[:1], out="shop", **ASKED).there == 1


def test_rows_that_fail_are_listed(tmp_path, pictures):
    picture = tmp_path / "start.png"
    picture.write_bytes(pictures[0].path.read_bytes())
    rows = [{"name": "one", "prompt": "a star", "image": "start.png"}]
    asked = checked(rows, workflow="image-to-image", steps=2)
    picture.unlink()
    live = BatchProgress(asked, "shop")
    assert str(live.wait()) == "0 pictures made, 1 row failed"
    assert "<li>Row 1: " in live._page.value and "start.png" in live._page.value


def test_what_stops_all_is_said(monkeypatch, tmp_path):
    (tmp_path / "shop").write_text("a file")
    live = BatchProgress(checked(ROWS, **ASKED), "shop")
    with pytest.raises(filling.StudioError):
        live.wait()
    assert "shop" in live._page.value


def test_the_plan_counts_what_is_missing():
    batch(ROWS[:1], out="shop", **ASKED)
    told = plan(checked(ROWS, **ASKED), "shop", price_per_kwh=0.3, api_price=0.04)
    assert (told.pictures, told.there) == (1, 1)
    assert list(told.lines())[-1] == "by an API about 0.04 at 0.04 a picture"


def test_problems_and_rows_are_tables():
    with pytest.raises(TableError) as caught:
        checked([{"prompt": "a star", "steps": "many"}], workflow="text-to-image")
    shown = Table(caught.value.problems)
    assert shown.columns == Problem._fields and shown.rows[0][:2] == ["1", "steps"]
    page = Table([{"a": "<b>", "c": 1}, {"a": "x"}], ["a"])._repr_html_()
    assert "&lt;b&gt;" in page and page.count("<td") == 2
    assert "first 200 rows" in Table([{"a": n} for n in range(300)])._repr_html_()
