"""How soon the web app is there: ``python -m tests.server.web.speed``. Prints medians, on a quiet machine please.

Each opening is a browser that has never been here: nothing is cached, the address is the one with the token.
"""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from statistics import median
from tempfile import TemporaryDirectory

from studio.workflow.workflow import workflow_names
from tests.server.browser import chromium

_OPENINGS = 8
_ROUNDS = 3
_WATCH = """addEventListener('DOMContentLoaded', () => new MutationObserver((_, all) => {
    if (!document.querySelector('#make-text-to-image .generate')?.offsetParent) return;
    all.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-page'] }))"""
_SWITCH = """(name) => new Promise((done) => {
    const began = performance.now();
    location.hash = name;
    const look = () => document.querySelector(`#make-${name} .generate`)?.offsetParent
        ? requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)))
        : requestAnimationFrame(look);
    look();
})"""
_FIRST = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
_FETCHED = "performance.getEntriesByType('resource').map((each) => each.encodedBodySize)"


def main() -> None:
    """Open the app a few times, then go through its workflows."""
    with TemporaryDirectory() as home, app(home) as address, chromium() as browser:
        openings = [opened(browser, address) for _ in range(_OPENINGS)]
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("body.ready")
        switches = [(page.evaluate(_SWITCH, name), name) for _ in range(_ROUNDS) for name in workflow_names()]
    first, form, requests, size = (median(column) for column in zip(*openings, strict=True))
    print(f"first paint {first:.0f} ms, form {form:.0f} ms; {requests:.0f} requests, {size / 1e6:.2f} MB")
    typical, (longest, name) = median(time for time, _ in switches), max(switches)
    print(f"another workflow: median {typical:.0f} ms, longest {longest:.0f} ms ({name})")


def opened(browser, address):
    """Milliseconds to the first paint and to the form, how much was asked for, and its bytes."""
    with browser.new_context(viewport={"width": 1360, "height": 860}) as context:
        page = context.new_page()
        page.add_init_script(_WATCH)
        page.goto(f"{address}#text-to-image", wait_until="commit")
        form = page.wait_for_function("window.painted").json_value()
        page.wait_for_selector("body.ready")
        sizes = page.evaluate(_FETCHED)
        return page.evaluate(_FIRST), form, len(sizes), sum(sizes)


@contextmanager
def app(home):
    """The address of a studio that runs in its own process, its files in ``home``, for as long as the block lasts."""
    command = [sys.executable, "-m", "studio", "app", "--no-open", "--port", "0"]
    places = {"STUDIO_OUTPUT": f"{home}/pictures", "STUDIO_STATE": f"{home}/state"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **places}) as running:
        yield re.search(r"http\S+", running.stdout.readline())[0]
        running.terminate()


if __name__ == "__main__":
    main()
