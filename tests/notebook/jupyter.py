"""A real Jupyter server, with Lab, Notebook and Voila, and what it shows in a real Chromium."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.server.browser import chromium

_TRANSFER = """(files) => {
  const transfer = new DataTransfer();
  for (const [data, name] of files) {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: name.endsWith(".png") ? "image/png" : "" }));
  }
  return transfer;
}"""


@contextmanager
def jupyter(root: Path, theme: str = "JupyterLab Light") -> Iterator[str]:
    """A server on ``root`` with its own settings, queue and pictures; yields its address."""
    _set(root, "notification", fetchNews="false", checkForUpdates=False)
    _set(root, "themes", theme=theme)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = {f"JUPYTER_{name}_DIR": str(root / ".jupyter" / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    home["JUPYTERLAB_SETTINGS_DIR"] = str(root / ".jupyter" / "settings")
    own = {"STUDIO_STATE": str(root / "state"), "IPYTHONDIR": str(root / ".ipython"), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1",
               "--IdentityProvider.token=", f"--ServerApp.root_dir={root}", "--LabApp.news_url=",
               "--LabApp.extension_manager=readonly"]  # fmt: skip
    (root / ".jupyter").mkdir(exist_ok=True)
    log = (root / ".jupyter" / "lab.log").open("w")
    server = subprocess.Popen(command, env={**os.environ, **home, **own}, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/status")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _set(root: Path, plugin: str, **values: object) -> None:
    file = root / ".jupyter" / "settings" / "@jupyterlab" / "apputils-extension" / f"{plugin}.jupyterlab-settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(values))


def _wait_for(address: str) -> None:
    for _ in range(300):
        try:
            httpx.get(address).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise TimeoutError(address)


@contextmanager
def window(width: int = 1360, height: int = 1000) -> Iterator[Page]:
    """A page of its own browser."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(30_000)
        yield page


class Shown:
    """A panel on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = page.locator(".studio").first

    def set(self, label: str, value: str) -> None:
        """Type into a field of the panel."""
        self.panel.get_by_label(label, exact=True).fill(value)

    def press(self, button: str) -> None:
        self.panel.get_by_role("button", name=button).click()

    def drop(self, target: Locator, *files: Path) -> None:
        """Drop files on something, with their bytes."""
        given = [[base64.b64encode(file.read_bytes()).decode(), file.name] for file in files]
        target.dispatch_event("drop", {"dataTransfer": self.page.evaluate_handle(_TRANSFER, given)})

    def accessible(self) -> list[dict[str, str]]:
        """Role and name of everything in the panel, as Chromium tells a screen reader."""
        cdp = self.page.context.new_cdp_session(self.page)
        found = cdp.send("Runtime.evaluate", {"expression": "document.querySelector('.studio')"})
        tree = cdp.send("Accessibility.queryAXTree", {"objectId": found["result"]["objectId"]})
        nodes = [node for node in tree["nodes"] if not node["ignored"]]
        return [{key: str(node.get(key, {}).get("value", "")) for key in ("role", "name")} for node in nodes]


class Notebook(Shown):
    """A notebook open in Lab or in Notebook 7, alone in the window."""

    def __init__(self, page: Page, address: str) -> None:
        super().__init__(page)
        page.goto(address)
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        toolbar = page.locator(".jp-NotebookPanel-toolbar", has_text="Python 3 (ipykernel)")  # not "No Kernel"
        self._idle = toolbar.locator("[data-status=idle]")
        self._idle.wait_for()

    def is_idle(self) -> bool:
        """Whether the kernel waits."""
        return self._idle.is_visible()

    def run_all(self) -> None:
        """Until the last cell shows its panel."""
        self._menu("Run", "Run All Cells")
        self.panel.wait_for(timeout=120_000)

    def restart_kernel(self) -> None:
        """A new kernel, and everything on the page as it was."""
        self._menu("Kernel", re.compile("^Restart Kernel…"))  # and its keys
        self.page.locator(".jp-Dialog button", has_text="Restart").click()

    def restart(self) -> None:
        """A new kernel, and all cells from the top."""
        self._menu("Kernel", "Restart Kernel and Clear Outputs of All Cells…")
        self.page.locator(".jp-Dialog button", has_text="Restart").click()
        expect(self.panel).not_to_be_attached()
        self._idle.wait_for()
        self.run_all()

    def _menu(self, menu: str, entry: str | re.Pattern[str]) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=entry, exact=True).click()
