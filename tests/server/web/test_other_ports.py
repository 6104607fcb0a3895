"""Another server on this machine: what a browser with the page open sends it, and what it can do with that."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest


@pytest.fixture
def other():
    """A server on another port of the same host: its address, and the headers of each request it was sent."""
    sent = []

    class Recording(BaseHTTPRequestHandler):
        def do_GET(self):
            sent.append((self.path, dict(self.headers)))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>other</title><h1>Hello</h1>")

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Recording) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}", sent
        listening.shutdown()


ROUTES = ("/", "/config", "/api/jobs", "/api/gallery", "/gradio_api/app_id", "/studio/app.js")


def test_what_another_port_is_sent_opens_nothing(client, server, other):
    address, sent = other
    page = client.open()
    context, key = page.context, page.url.rstrip("/").rpartition("/")[2]
    cookie = context.cookies(page.url)[0]
    visited = context.new_page()
    for path in ("/", "/api/jobs", "/~/", f"/~{'0' * 32}/"):
        visited.goto(f"{address}{path}")
    visited.evaluate("fetch('/again', {method: 'POST', credentials: 'include'})")
    page.evaluate("(address) => window.open(address)", f"{address}/from-the-page")
    with page.context.expect_page():
        page.evaluate("(address) => window.open(address)", f"{address}/from-the-page-again")
    while not any("again" in path for path, _ in sent):
        visited.wait_for_timeout(20)
    assert len(sent) >= 5
    seen = repr(sent)
    for secret in (server.token, cookie["value"], cookie["name"], key):
        assert secret not in seen
    for _, headers in sent:
        kept = {name: value for name, value in headers.items() if name in ("Cookie", "Authorization", "Referer")}
        assert all(httpx.get(server.url + route, headers=kept).status_code == 401 for route in ROUTES)
    opens_nothing(server, page, cookie)


def opens_nothing(server, page, kept):
    """Even a browser that ignores the cookie's path and sends it: without the page's address it is of no use."""
    headers = {"Cookie": f"{kept['name']}={kept['value']}"}
    assert httpx.get(f"{page.url}api/jobs", headers=headers).status_code == 200
    for route in ROUTES:
        assert httpx.get(server.url + route, headers=headers).status_code == 401
        assert httpx.get(page.url.rstrip("/") + route).status_code == 401
    for given in (kept["value"], page.url.rstrip("/").rpartition("~")[2]):
        assert httpx.get(f"{server.url}/api/jobs", headers={"Authorization": f"Bearer {given}"}).status_code == 401
        assert httpx.get(f"{server.url}/?token={given}").status_code == 401


def test_a_page_of_another_port_cannot_ask_for_anything(client, server, other):
    address, _ = other
    page = client.open()
    stranger = page.context.new_page()
    stranger.goto(address)
    for url in (f"{server.url}/api/jobs", f"{page.url}api/jobs"):  # even one that knows the page's address
        answer = stranger.evaluate(
            "(url) => fetch(url, {credentials: 'include'}).then((each) => each.text(), () => 'refused')", url
        )
        assert answer == "refused"
        loaded = stranger.evaluate(
            """(url) => new Promise((done) => {
                const image = new Image();
                image.onload = () => done(true);
                image.onerror = () => done(false);
                image.src = url;
            })""",
            url.replace("api/jobs", "studio/icon.svg"),
        )
        assert loaded is False


def test_scripts_that_are_put_into_the_page_do_not_run(client, server):
    page = client.open()
    page.evaluate(
        """() => new Promise((done) => {
            let refused = 0;
            document.addEventListener("securitypolicyviolation", () => ++refused === 4 && done());
            const put = (html) => document.body.insertAdjacentHTML("beforeend", html);
            put("<img src=nothing onerror='window.ran = 1'>");
            put("<p onclick='window.ran = 2'>");
            document.body.lastElementChild.click();
            put("<a href='javascript:void(window.ran = 3)'>");
            document.body.lastElementChild.click();
            const script = document.createElement("script");
            script.textContent = "window.ran = 4";
            document.body.append(script);
        })"""
    )
    assert page.evaluate("window.ran ?? 0") == 0
    assert client.errors
    client.errors.clear()


def test_a_download_and_a_reload_go_on_working(client, server, tmp_path):
    picture = server.picture()
    page = client.open("gallery")
    page.locator(".gallery .grid [role=option] img").first.click()
    page.wait_for_selector(".image-viewer a[download]")
    with page.expect_download() as download:
        page.click(".image-viewer a[download]")
    download.value.save_as(tmp_path / "kept.png")
    assert (tmp_path / "kept.png").read_bytes() == picture.read_bytes()
    page.reload()
    page.wait_for_selector("body.ready")
