"""Gradio's own files: served, kept, and announced before the page asks for them."""

import re

import pytest

from studio.server.web import assets
from studio.workflow.workflow import workflow_names


def announced(server):
    """What the page's Link header names."""
    return re.findall(r'<link href="(.+?)" rel=(?:module)?preload', server.client.get("/").text)


def test_all_that_the_page_asks_for_was_announced_and_nothing_else(client, server):
    page = client.open()
    for name in workflow_names():
        page.evaluate("(name) => { location.hash = name }", name)
        page.wait_for_selector(f"#make-{name} .generate")
    asked = page.evaluate(
        "performance.getEntriesByType('resource').filter((each) => ['script', 'link', 'css', 'other'].includes("
        "each.initiatorType)).map((each) => each.name.replace(document.baseURI, ''))"
    )
    wanted = {
        path for path in asked if path.endswith((".js", ".css", ".woff2")) and path.startswith(("assets/", "studio/"))
    }
    late = {path for path in wanted - set(announced(server)) if not re.match("assets/index-.+css", path)}  # in the page
    assert late == {"studio/mask.js", "studio/painter.js"}  # only where there is a mask
    assert set(announced(server)) <= wanted


def test_a_file_is_kept_by_the_browser_and_has_its_type(server):
    path = next(path for path in announced(server) if path.startswith("assets/") and path.endswith(".js"))
    answer = server.client.get(f"/{path}")
    assert answer.content == (assets.FOLDER / path.rpartition("/")[2]).read_bytes()
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/assets/nothing.js", "/assets/", "/assets/../index.html", "/assets/%2e%2e/index.html"]
)
def test_nothing_else_is_served(server, path):
    assert server.client.get(path).status_code == 404


def test_a_gradio_that_is_built_otherwise_only_makes_the_page_slower(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "FOLDER", tmp_path / "assets")
    (tmp_path / "index.html").write_text("<script src=main.js></script>")
    assert assets.needed(["textbox"]) == []
