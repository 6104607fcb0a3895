"""The same panel where there is no Lab: in Notebook 7, and in Voila, which shows a notebook as a page."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from studio.workflow.workflow import Workflow, workflow_names
from tests.notebook.jupyter import Notebook, Shown, window

ROLES = {"button", "checkbox", "combobox", "link", "slider", "spinbutton", "textbox", "image", "progressbar"}


def notebook(page, server):
    shown = Notebook(page, f"{server}/notebooks/panel.ipynb")
    shown.run_all()
    return shown


def voila(page, server):
    page.goto(f"{server}/voila/render/panel.ipynb")
    return Shown(page)


@pytest.fixture(scope="module", params=[notebook, voila], ids=lambda front: front.__name__)
def shown(request, server):
    with window() as page:
        shown = request.param(page, server)
        shown.panel.wait_for(timeout=120_000)
        shown.press("Advanced")
        shown.press("History")
        yield shown


def test_previews_stop_and_a_picture(shown):
    panel = shown.panel
    for label, value in {"Prompt": "a red circle on white", "Steps": "150", "Pictures": "20"}.items():
        shown.set(label, value)
    shown.press("Generate")
    expect(panel.get_by_role("img", name="Preview").first).to_be_visible(timeout=60_000)
    panel.get_by_label("Prompt", exact=True).press("Escape")
    expect(panel.get_by_role("status")).to_have_text(re.compile("^Stopped"))
    shown.set("Steps", "4")
    shown.set("Pictures", "1")
    panel.get_by_label("Prompt", exact=True).press("Control+Enter")
    expect(panel.get_by_role("status")).to_have_text("Done", timeout=60_000)
    expect(panel.get_by_role("img", name="a red circle on white").first).to_be_visible()


@pytest.mark.parametrize("name", workflow_names())
def test_everybody_can_use_every_workflow(shown, name):
    title = Workflow.load(name).definition.title
    shown.panel.get_by_label("Workflow", exact=True).first.select_option(title)
    expect(shown.panel.get_by_role("heading", name=title, exact=True)).to_be_visible()
    nodes = shown.accessible()
    assert {"textbox", "spinbutton", "combobox", "button"} <= {node["role"] for node in nodes}
    assert [node["role"] for node in nodes if node["role"] in ROLES and not node["name"]] == []
    found = Axe().run(shown.page, context=".studio", options={"resultTypes": ["violations"]}).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found] == []
