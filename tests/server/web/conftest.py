"""One real Chromium for every test of the web app."""

import base64

import pytest
from playwright.sync_api import Browser, Page

from tests.server.browser import chromium


@pytest.fixture(scope="package")
def browser():
    with chromium() as launched:
        yield launched


_OBSERVE = """
    window.states = [];
    window.messages = [];
    const note = (list, value) => { if (value && value !== list[list.length - 1]) list.push(value); };
    new MutationObserver(() => {
        note(window.states, document.querySelector(".stage")?.dataset.state);
        note(window.messages, document.querySelector(".status")?.textContent);
    }).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: ["data-state"] });
"""


class Client:
    """A browser of one person: opens pages, and notes what went wrong in them or left the machine."""

    def __init__(self, browser: Browser, server, url="") -> None:
        self.server, self._browser, self._url = server, browser, url or server.url
        self.outside: list[str] = []
        self.errors: list[str] = []

    def open(self, at="", width=1360, height=860, scheme="light") -> Page:
        """A page that keeps every state of its stage and every message in ``states`` and ``messages``."""
        context = self._browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(_OBSERVE)
        page.on("request", lambda request: self._note(request.url))
        page.on("response", lambda answer: self._check(answer.status, answer.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: "Content Security" in said.text and self.errors.append(said.text))
        page.goto(f"{self._url}/?token={self.server.token}")
        if at:
            page.goto(f"{page.url}#{at}")
        page.wait_for_selector("body.ready")
        return page

    def _check(self, status: int, url: str) -> None:
        """Every script and style that the page asks for is there."""
        if status >= 400 and url.partition("?")[0].endswith((".js", ".css")):
            self.errors.append(f"{status} for {url}")

    def _note(self, url: str) -> None:
        if not url.startswith((self._url, "data:", "blob:")):
            self.outside.append(url)


@pytest.fixture
def client(browser, server):
    """The person; afterwards nothing runs any more, no script has failed, no request has left the machine."""
    person = Client(browser, server)
    yield person
    for context in browser.contexts:
        context.close()
    server.calm()
    assert person.errors == []
    assert person.outside == []


@pytest.fixture
def page(client):
    return client.open()


def fill(page, workflow="text-to-image", prompt="a red circle on white", steps=2, count=1):
    """Fill a workflow's form; few steps, to be quick."""
    form = page.locator(f"#make-{workflow}")
    form.locator(".kind-prompt textarea").first.fill(prompt)
    more = form.locator(".more > button")
    if more.count() and not form.get_by_label("Steps").is_visible():
        more.click()
    form.get_by_label("Steps").fill(str(steps))
    form.get_by_label("Steps").press("Tab")
    form.get_by_label("Pictures").fill(str(count))
    form.get_by_label("Pictures").press("Tab")
    return form


def over(page):
    """Wait until the stage shows a finished job's picture."""
    page.wait_for_selector(".stage[data-state=done] .about-picture dt")
    page.wait_for_selector(".stage .at-work[hidden]", state="attached")


def drop(page, path):
    """Let go of a file over the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(
        """([data, name]) => {
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], name, { type: "image/png" }));
            const about = { dataTransfer: carried, bubbles: true, cancelable: true };
            for (const kind of ["dragover", "drop"]) document.body.dispatchEvent(new DragEvent(kind, about));
        }""",
        [data, path.name],
    )
