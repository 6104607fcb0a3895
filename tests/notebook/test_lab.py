"""The panel of the first notebook, in a real JupyterLab in a real Chromium. One page for all, in this order."""

import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from studio.pictures.picture import Picture
from tests.notebook.jupyter import Notebook, window

STOPPED = re.compile("^Stopped")


@pytest.fixture(scope="module")
def notebook(server):
    with window() as page:
        notebook = Notebook(page, f"{server}/lab/tree/first.ipynb?reset")
        notebook.run_all()
        notebook.press("Advanced")
        yield notebook


@pytest.fixture
def panel(notebook):
    return notebook.panel


def generate(notebook, **values):
    for label, value in values.items():
        notebook.set(label.capitalize(), str(value))
    notebook.press("Generate")


def test_ctrl_enter_makes_a_picture(notebook, panel):
    notebook.set("Steps", "4")
    panel.get_by_label("Prompt", exact=True).fill("a red circle on white")
    panel.get_by_label("Prompt", exact=True).press("Control+Enter")
    expect(panel.get_by_role("status")).to_have_text("Done", timeout=60_000)
    expect(panel.get_by_role("img", name="a red circle on white").first).to_be_visible()


def test_previews_while_the_kernel_is_free_and_stop(notebook, panel):
    generate(notebook, steps=150, pictures=20)
    expect(panel.get_by_role("img", name="Preview").first).to_be_visible(timeout=60_000)
    expect(panel.get_by_role("status")).to_have_text(re.compile(r"step \d+ of 150, .* left"))
    assert notebook.is_idle()
    notebook.press("Stop")
    expect(panel.get_by_role("status")).to_have_text(STOPPED)


def test_esc_stops_too(notebook, panel):
    generate(notebook)
    expect(panel.get_by_role("img", name="Preview").first).to_be_visible(timeout=60_000)
    panel.get_by_label("Prompt", exact=True).press("Escape")
    expect(panel.get_by_role("status")).to_have_text(STOPPED)


def test_what_is_wrong_stands_by_its_field(notebook, panel):
    generate(notebook, steps=500)
    expect(panel.get_by_role("alert")).to_contain_text("150")
    notebook.set("Steps", "4")


def test_the_downloaded_file_is_the_picture_and_brings_its_settings_back(notebook, panel, tmp_path):
    with notebook.page.expect_download() as download:
        panel.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "mine.png")
    assert Picture(tmp_path / "mine.png").job.values["prompt"] == "a red circle on white"
    panel.get_by_label("Prompt", exact=True).fill("something else")
    notebook.drop(panel.get_by_role("button", name="Restore settings"), tmp_path / "mine.png")
    expect(panel.get_by_label("Prompt", exact=True)).to_have_value("a red circle on white")
    expect(panel.get_by_label("Seed", exact=True)).not_to_have_value("")


def test_click_enlarges_and_esc_closes(notebook, panel):
    notebook.press("Enlarge")
    expect(panel.get_by_role("dialog")).to_be_visible()
    notebook.page.keyboard.press("Escape")
    expect(panel.get_by_role("dialog")).to_be_hidden()


def test_a_restarted_kernel_is_said_and_nothing_can_be_pressed(notebook, panel):
    form = panel.locator(".studio-form").first.bounding_box()
    expect(panel.get_by_role("alert")).to_have_count(0)
    notebook.restart_kernel()
    expect(panel.get_by_role("alert")).to_have_text("The kernel was restarted: run this cell again.")
    expect(panel.locator("button", has_text="Generate")).to_be_disabled()
    expect(panel.locator(".studio-status")).to_be_hidden()
    assert panel.locator("button:enabled:not(.studio-open)").count() == 0
    after = panel.locator(".studio-form").first.bounding_box()
    assert (after["x"], after["width"]) == (form["x"], form["width"])
    marks = "(all) => all.map((each) => getComputedStyle(each, '::before').content)"
    assert set(panel.locator(".jupyter-widgets-disconnected").evaluate_all(marks)) == {"none"}


def test_history_outlives_the_kernel(notebook):
    notebook.restart()
    notebook.press("History")
    earlier = notebook.panel.get_by_role("group", name="Earlier pictures")
    expect(earlier.get_by_role("button", name="a red circle on white").first).to_be_visible()
    earlier.get_by_role("button", name="Stopped").first.click()
    expect(notebook.panel.get_by_role("button", name="Try again")).to_be_visible()


def test_several_pictures_are_dropped_at_once(notebook, server, pictures, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    several = Notebook(notebook.page.context.browser.new_page(), f"{server}/lab/tree/several.ipynb?reset")
    several.run_all()
    zone = several.panel.get_by_role("button", name="Picture: ")
    several.drop(zone, pictures[0].path, tmp_path / "notes.txt", pictures[1].path)
    expect(zone).to_contain_text("2 chosen")
    expect(zone.locator("img")).to_have_count(2)
    expect(several.panel.get_by_role("alert")).to_contain_text("'notes.txt': ")
    several.press("Remove")
    expect(zone).to_contain_text("Drop pictures here")


def test_a_mask_is_painted_on_the_picture(notebook, server, tmp_path):
    Image.new("RGB", (256, 256), "white").save(start := tmp_path / "start.png")
    page = notebook.page.context.browser.new_page(viewport={"width": 1360, "height": 1000})
    inpaint = Notebook(page, f"{server}/lab/tree/inpaint.ipynb?reset")
    inpaint.run_all()
    inpaint.drop(inpaint.panel.locator(".studio-drop").first, start)
    canvas = inpaint.panel.get_by_role("img", name="Mask: paint with the pointer")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=5)
    page.mouse.up()
    inpaint.press("Advanced")
    generate(inpaint, prompt="a red circle", steps=2)
    expect(inpaint.panel.get_by_role("status")).to_have_text("Done", timeout=60_000)
