"""A page outlives its server."""

from tests.served import serving
from tests.server.web.conftest import Client, fill, over


def test_a_page_finds_the_next_server_and_goes_on(browser, tmp_path):
    with serving(tmp_path) as server:
        page = Client(browser, server).open("text-to-image")
        fill(page, prompt="a red star").locator(".generate").click()
        over(page)
    page.wait_for_selector("#lost")
    assert "Is it still running?" in page.inner_text("#lost")
    with serving(tmp_path, server.port):
        page.wait_for_selector("#lost", state="detached")
        page.wait_for_selector("body.ready")
        over(page)
        prompt = page.locator("#make-text-to-image .kind-prompt textarea").first
        page.wait_for_function("document.querySelector('#make-text-to-image .kind-prompt textarea').value !== ''")
        assert prompt.input_value() == "a red star"
        page.click("#make-text-to-image .generate")
        page.wait_for_function("document.querySelector('.stage').dataset.state === 'live'")
        over(page)
        page.context.close()
