"""The panel of the first notebook, in a real JupyterLab in a real Chromium."""

import re

from playwright.sync_api import expect

from .lab import Notebook

STOPPED = re.compile("^Stopped")


def test_make_stop_and_go_on_after_a_restart(page, lab):
    notebook = Notebook(page, lab, "first.ipynb")
    notebook.run_all()
    panel = notebook.panel

    panel.get_by_label("Prompt", exact=True).fill("a red circle on white")
    notebook.set("Steps", "4")
    panel.get_by_label("Prompt", exact=True).press("Control+Enter")
    expect(panel.get_by_role("status")).to_have_text("Done", timeout=60_000)
    expect(panel.get_by_role("img", name="a red circle on white").first).to_be_visible()

    notebook.set("Steps", "150")
    notebook.set("Pictures", "20")
    panel.get_by_role("button", name="Generate").click()
    expect(panel.get_by_role("img", name="Preview").first).to_be_visible(timeout=60_000)
    expect(panel.get_by_role("status")).to_have_text(re.compile(r"step \d+ of 150, .* left"))
    assert notebook.idle_now(), "the kernel is free while a picture is made"
    panel.get_by_role("button", name="Stop").click()
    expect(panel.get_by_role("status")).to_have_text(STOPPED)

    panel.get_by_role("button", name="Generate").click()
    expect(panel.get_by_role("img", name="Preview").first).to_be_visible(timeout=60_000)
    panel.get_by_label("Prompt", exact=True).press("Escape")
    expect(panel.get_by_role("status")).to_have_text(STOPPED)

    notebook.restart()
    notebook.panel.get_by_role("button", name="History").click()
    earlier = notebook.panel.get_by_role("group", name="Earlier pictures")
    expect(earlier.get_by_role("button", name="a red circle on white")).to_be_visible()
    earlier.get_by_role("button", name="Stopped").first.click()
    expect(notebook.panel.get_by_role("button", name="Try again")).to_be_visible()
