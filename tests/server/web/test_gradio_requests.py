"""Gradio behind our door: every route and every function of its page, asked for what it must not give."""

import json
import re
import socketserver
import threading
from pathlib import Path

import gradio as gr
import pytest
from gradio.routes import App
from PIL import Image

SECRET = b"a secret of this machine"
USED = {
    "/", "/config", "/theme.css", "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/run/{api_name}",
    "/gradio_api/upload", "/gradio_api/upload_progress", "/gradio_api/file={path_or_url:path}", "/gradio_api/app_id",
    "/gradio_api/heartbeat/{session_hash}", "/static/{path:path}",
}  # fmt: skip
OURS = {"/assets/{path:path}"}  # answered before Gradio is asked


def routes(of):
    """All (method, path) of an app, those of routers within it too."""
    for route in of:
        yield from ((method, route.path) for method in getattr(route, "methods", None) or ())
        if included := getattr(route, "original_router", None):  # FastAPI's way to hold a router within another
            yield from routes(included.routes)


UNUSED = sorted(
    {(method, path) for method, path in routes(App.create_app(gr.Blocks()).routes) if path not in USED | OURS}
)


@pytest.mark.parametrize(("method", "path"), UNUSED)
def test_routes_that_the_page_does_not_use_are_not_there(server, method, path):
    answer = server.client.request(method, re.sub(r"\{.*?\}", "x", path), json={} if method == "POST" else None)
    assert answer.status_code == 404
    assert method == "HEAD" or answer.json()["title"] == "Not Found"


def test_there_are_many_such_routes():
    assert len(UNUSED) > 50


@pytest.fixture(scope="module")
def config(server):
    return server.client.get("/config").json()


@pytest.fixture(scope="module")
def secret(server):
    """A file beside the uploads, and a link to it among them."""
    path = server.output.parent / "secret.png"
    path.write_bytes(SECRET)
    uploads = server.session.settings.state / "web"
    uploads.mkdir(parents=True, exist_ok=True)
    if not (uploads / "link.png").is_symlink():
        (uploads / "link.png").symlink_to(path)
    return path


@pytest.fixture(scope="module")
def elsewhere():
    """The address of a server that a file could be fetched from, and how often somebody has connected."""
    seen = []

    class Connected(socketserver.BaseRequestHandler):
        def handle(self):
            seen.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), Connected) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/x.png", seen
        listening.shutdown()


META = {"_type": "gradio.FileData"}


def hostile(secret, url, uploads):
    """Ways to name a file that is not an upload, as Gradio's or the studio's own code would take them for one."""
    outside = (
        str(secret), "/etc/passwd", f"{uploads}/../secret.png", f"{uploads}/link.png", f"{uploads}/a\0.png", url,
        f"file://{secret}", "\\\\127.0.0.1\\c$\\x.png", "C:\\Windows\\win.ini", "../secret.png", "", ".", str(uploads),
        url.replace("http", "HTTP"), "/proc/self/environ", "x" * 5000,
    )  # fmt: skip
    for path in outside:
        yield {"path": path, "meta": META}
        yield {"path": path}
    inside = str(Path(uploads) / "real.png")
    yield {"path": inside, "url": url, "meta": META}
    yield {"path": inside, "meta": META, "is_stream": True}
    yield {"path": inside, "meta": {**META, "more": 1}}
    yield {"path": inside, "meta": META, "size": {"path": str(secret), "meta": META}}
    yield {"url": f"data:image/svg+xml,<svg onload='fetch(\"{url}\")'/>", "meta": META}
    yield {"meta": META}


def call(server, fn, data, path="/gradio_api/queue/join", **more):
    body = {"data": data, "fn_index": fn["id"], "session_hash": "s0", "event_data": None, "trigger_id": None, **more}
    return server.client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})


def test_no_function_takes_a_file_that_is_not_an_upload(server, config, secret, elsewhere):
    url, connections = elsewhere
    uploads = server.session.settings.state / "web"
    Image.new("RGB", (8, 8)).save(uploads / "real.png")
    before = set(uploads.rglob("*"))
    evils = list(hostile(secret, url, uploads))
    for fn in config["dependencies"]:
        inputs = len(fn["inputs"])
        for n, evil in enumerate(evils):
            data = [None] * inputs
            place = n % (inputs or 1)
            data[place : place + 1] = [evil if n % 2 else [{"deep": evil}]]
            assert call(server, fn, data).status_code in (403, 404)
        for position in range(inputs):
            data = [None] * inputs
            data[position] = evils[0]
            assert call(server, fn, data, "/gradio_api/run/predict").status_code in (403, 404)
        assert call(server, fn, [None] * inputs, event_data=evils[0]).status_code in (403, 404)
    assert len(config["dependencies"]) > 20
    assert connections == []
    assert set(uploads.rglob("*")) == before


@pytest.mark.parametrize("place", ["run", "api", "call", "call/v2"])
def test_no_function_is_called_by_its_name(server, config, secret, place):
    for name in {fn["api_name"] for fn in config["dependencies"]} - {False, None} | {"submit", "restore", "predict"}:
        body = {"data": [{"path": str(secret), "meta": META}]}
        answer = server.client.post(f"/gradio_api/{place}/{name}", json=body)
        assert answer.status_code in (404, 422)


def test_settings_to_restore_carry_no_files(server, config, secret, elsewhere):
    """The form is filled from JSON inside a text: what is in there becomes the value of components."""
    url, connections = elsewhere
    kinds = {one["id"]: one["type"] for one in config["components"]}
    restore = next(
        fn for fn in config["dependencies"]
        if [kinds[one] for one in fn["inputs"]] == ["textbox"] and len(fn["outputs"]) > 50
    )  # fmt: skip
    uploads = server.session.settings.state / "web"
    before = set(uploads.rglob("*"))
    for evil in ({"path": str(secret), "meta": META}, {"path": "x", "url": url, "meta": META}):
        recipe = json.dumps({"workflow": "text-to-image", "values": {"loras": [evil], "model": evil}})
        assert "cannot be used in a form" in call(server, restore, [recipe], "/gradio_api/run/predict").text
    for text in ("{", '{"workflow": "no-such", "values": {}}', "[" * 100_000):
        answer = call(server, restore, [text], "/gradio_api/run/predict")
        assert answer.status_code == 200, text[:20]
        assert "problem" in answer.text
    assert connections == []
    assert set(uploads.rglob("*")) == before


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b'{"data": [], "fn_index": 99999, "session_hash": "s"}',
     b'{"data": [1], "fn_index": "0", "session_hash": "s"}', b'{"data": [], "fn_index": 0, "session_hash": "../s"}',
     b'{"data": [], "fn_index": 0, "session_hash": "s", "oauth_token": "x"}'],
)  # fmt: skip
def test_what_the_page_never_sends_is_refused(server, body):
    answer = server.client.post("/gradio_api/queue/join", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (404, 422)


def upload(server, name, data):
    answer = server.client.post("/gradio_api/upload", files={"files": (name, data, "image/png")})
    assert answer.status_code == 200
    return answer.json()[0]


def test_an_upload_can_be_fetched_and_named_in_a_call(server, config, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a picture #1.png")
    data = (tmp_path / "a picture #1.png").read_bytes()
    path = upload(server, "a picture #1.png", data)
    answer = server.client.get(f"/gradio_api/file={path}".replace("#", "%23"))
    assert (answer.status_code, answer.content) == (200, data)
    taking = next(fn for fn in config["dependencies"] if fn["backend_fn"] and len(fn["inputs"]) > 5)
    named = {"path": path, "url": f"{server.url}/gradio_api/file={path}".replace("#", "%23"), "meta": META}
    assert call(server, taking, [named] + [None] * (len(taking["inputs"]) - 1)).status_code == 200


def test_nobody_else_says_what_the_pages_address_is(server):
    for header in ("X-Forwarded-Host", "X-Forwarded-Proto", "X-Gradio-Server"):
        answer = server.client.get("/config", headers={header: "evil.example"})
        assert answer.json()["root"] == server.url


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.xml", "x.txt", "x.js", "x.pdf", "x"])
def test_an_upload_that_is_no_picture_is_not_served(server, name):
    path = upload(server, name, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    assert server.client.get(f"/gradio_api/file={path}").status_code == 404
