"""The gallery in a real JupyterLab in a real Chromium. One page for all, in this order."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.notebook.jupyter import Notebook, window


@pytest.fixture(scope="module")
def notebook(server):
    with window() as page:
        notebook = Notebook(page, f"{server}/lab/tree/gallery.ipynb?reset")
        notebook.run_all()
        yield notebook


@pytest.fixture
def gallery(notebook):
    return notebook.panel


def test_only_pictures_near_the_view_are_there(gallery):
    expect(gallery.get_by_role("status").first).to_have_text("200 pictures")
    grid = gallery.get_by_role("listbox", name="Pictures")
    expect(grid.get_by_role("option", name="tile 199", exact=True).locator("img")).to_be_visible()
    assert grid.get_by_role("option").count() < 80
    grid.evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(grid.get_by_role("option", name="tile 0", exact=True).locator("img")).to_be_visible()
    expect(grid.get_by_role("option", name="tile 199", exact=True)).not_to_be_attached()


def test_the_keyboard_goes_from_picture_to_picture(gallery):
    grid = gallery.get_by_role("listbox", name="Pictures")
    for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
        grid.press(key)
    expect(grid.get_by_role("option", name="tile 1", exact=True)).to_have_attribute("aria-selected", "true")
    expect(gallery.get_by_role("button", name="Enlarge: tile 1", exact=True)).to_be_visible()
    expect(gallery.get_by_role("definition").filter(has_text="tile 1").first).to_be_visible()


def test_stars_are_found_and_the_trash_gives_back(gallery):
    gallery.get_by_role("button", name="4 of 5 stars").click()
    gallery.get_by_label("Add a tag").fill("print")
    gallery.get_by_label("Add a tag").press("Enter")
    search = gallery.get_by_label("Search the gallery")
    search.fill("rating:4 tag:print")
    status, option = gallery.get_by_role("status").first, gallery.get_by_role("option")
    expect(status).to_have_text("1 picture")
    expect(option.locator("span")).to_have_text("★★★★")
    gallery.get_by_role("button", name="Move to trash").click()
    expect(status).to_have_text("0 pictures")
    gallery.get_by_role("button", name="Put back").click()
    expect(status).to_have_text("1 picture")
    search.fill("rating:9")
    expect(status).to_contain_text("is not a rating")


def test_everybody_can_use_it(notebook, gallery):
    found = Axe().run(notebook.page, context=".studio", options={"resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found] == []


def test_its_settings_go_into_a_form_below(notebook, gallery):
    gallery.get_by_role("button", name="Reuse settings").click()
    form = notebook.page.locator(".studio").nth(1)
    expect(form.get_by_label("Prompt", exact=True)).to_have_value(re.compile("tile 1"))
