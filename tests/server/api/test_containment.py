"""Files of the machine that no route may hand out, whatever the path looks like."""

import http.client
import urllib.parse

import pytest

SECRET = b"a secret of this machine"


@pytest.fixture(scope="module")
def secret(server):
    """A file beside the output folder, and links to it and to its folder from inside."""
    path = server.output.parent / "secret.png"
    path.write_bytes(SECRET)
    for name, target in (("link.png", path), ("out", path.parent)):
        if not (server.output / name).is_symlink():
            (server.output / name).symlink_to(target)
    return path


def raw(server, path):
    """GET exactly this path: clients tidy up what an attacker would not."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def tries(secret):
    """Ways to write its place."""
    plain, climb = str(secret), "../secret.png"
    for each in (
        plain, plain[1:], f"/{plain}", climb, f"a/../{climb}", f"./{climb}", "..\\secret.png", "....//secret.png",
        "link.png", "out/secret.png", f"file://{plain}", "\\\\127.0.0.1\\c$\\secret.png", f"{plain}\0.png",
        "/etc/passwd", "/proc/self/environ", "C:\\Windows\\win.ini", "x" * 5000,
    ):  # fmt: skip
        yield urllib.parse.quote(each)
        yield urllib.parse.quote(each, safe="").replace(".", "%2e")
        yield urllib.parse.quote(urllib.parse.quote(each, safe=""), safe="")


PLACES = [
    "/api/pictures/",
    "/gradio_api/file=",
    "/file=",
    "/gradio_api/file/",
    "/studio/",
    "/studio/previews/",
    "/static/",
    "/assets/",
    "/gradio_api/proxy=",
    "/gradio_api/custom_component/1/client/component/",
]


@pytest.mark.parametrize("place", PLACES)
def test_no_route_hands_out_a_file_from_outside(server, secret, place):
    for path in tries(secret):
        status, body = raw(server, place + path)
        assert status >= 400, path
        assert SECRET not in body
        assert b"root:" not in body


def test_gradios_route_serves_nothing_of_the_output_folder(server, secret):
    inside = server.picture()
    assert raw(server, f"/api/pictures/{inside.relative_to(server.output)}")[0] == 200
    for path in (
        inside,
        server.output / "link.png",
        server.output / "out" / "secret.png",
        server.output / ".." / "secret.png",
    ):
        status, body = raw(server, f"/gradio_api/file={urllib.parse.quote(str(path))}")
        assert SECRET not in body, path
        assert status >= 400


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.xml", "x.xhtml", "x.pdf", "x.js"])
def test_what_a_browser_would_run_is_not_served_from_among_the_pictures(server, name):
    server.output.mkdir(parents=True, exist_ok=True)
    (server.output / name).write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    for path in (f"/api/pictures/{name}", f"/gradio_api/file={server.output / name}"):
        assert raw(server, path)[0] == 404


def test_whatever_is_no_page_of_ours_runs_nothing(server):
    for path in ("/api/jobs", "/api/openapi.json", "/studio/icon.svg", "/gradio_api/nothing", "/theme.css"):
        headers = server.client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; sandbox")
        assert headers["x-content-type-options"] == "nosniff"
    assert "script-src" not in server.client.get("/api").headers["content-security-policy"]


def test_the_queue_is_not_for_everybody(server):
    state = server.session.settings.state / "queue.sqlite"
    assert raw(server, f"/gradio_api/file={state}")[0] >= 400
