"""``studio app``: what the running server answers, and to whom."""

import logging
import os
import socket
import subprocess
import sys
import time
import urllib.request

import httpx
import pytest
from h11 import LocalProtocolError

from studio.cli import serve
from studio.errors import InputError

ROUTES = [
    "/", "/config", "/theme.css", "/api", "/api/jobs", "/api/openapi.json", "/studio/app.js", "/gradio_api/info",
    "/gradio_api/queue/data?session_hash=x", "/gradio_api/heartbeat/x", "/v1/models", "/sdapi/v1/options",
    "/favicon.ico", "/assets/nothing.js", "/studio/painter.js",
]  # fmt: skip


@pytest.mark.parametrize("path", ROUTES)
def test_no_route_answers_a_stranger(server, path):
    assert httpx.get(server.url + path).status_code == 401
    evil = {"Host": f"evil.example:{server.port}", "Authorization": f"Bearer {server.token}"}
    assert httpx.get(server.url + path, headers=evil).status_code == 403
    assert server.client.get(path, headers={"Origin": "http://evil.example"}).status_code == 403


def test_another_sites_form_cannot_post_nor_upload(server):
    assert server.client.post("/api/jobs", data={"workflow": "text-to-image"}).status_code == 415
    assert server.client.post("/gradio_api/queue/join", data={"fn_index": "0"}).status_code == 415
    assert (
        server.client.post("/gradio_api/queue/join", content="{}", headers={"Content-Type": "text/plain"}).status_code
        == 415
    )
    file = {"files": ("x.png", b"x", "image/png")}
    evil = {"Origin": "http://evil.example"}
    assert server.client.post("/gradio_api/upload", files=file, headers=evil).status_code == 403
    assert httpx.post(f"{server.url}/gradio_api/upload", files=file).status_code == 401


def test_uploads_have_a_cap(server):
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(
            f"{head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 64000001\r\n\r\n".encode()
        )
        assert b" 413 " in line.recv(1000)


def test_the_page_comes_with_its_rules(server):
    rules = server.client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in rules
    assert "frame-ancestors 'none'" in rules
    assert "http:" not in rules
    assert "https:" not in rules
    assert "script-src 'self' 'unsafe-eval' 'sha256-" in rules


def test_the_command_prints_an_address_that_works_and_ends_on_ctrl_c(tmp_path):
    home = {
        "STUDIO_OUTPUT": str(tmp_path / "pictures"),
        "STUDIO_STATE": str(tmp_path / "state"),
        "STUDIO_DEVICE": "cpu",
    }
    command = [sys.executable, "-m", "studio", "app", "--no-open", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **home}) as running:
        address = running.stdout.readline().split()[-1]
        assert address.startswith("http://127.0.0.1:")
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(address) as page:
            assert b"gradio_config" in page.read()
            assert "token" not in page.url
            assert "/~" in page.url
        running.send_signal(2)
        assert running.wait(30) == 0


def test_small_answers_leave_at_once(server):
    """Without TCP_NODELAY each waits 40 ms for the other side's acknowledgement."""

    def seconds():
        began = time.perf_counter()
        server.client.get("/studio/icon.svg")
        return time.perf_counter() - began

    assert min(seconds() for _ in range(20)) < 0.03


def test_it_listens_on_this_machine_alone_and_says_when_a_port_is_taken():
    with serve._bound(serve.HOST, 0) as bound:
        bound.listen()
        assert bound.getsockname()[0] == "127.0.0.1"
        with pytest.raises(InputError, match="--port"):
            serve._bound(serve.HOST, bound.getsockname()[1])
    with pytest.raises(InputError, match="--port"):
        serve._bound(serve.HOST, 70_000)


def test_a_client_that_speaks_no_http_leaves_no_traceback_and_a_fault_of_ours_does():
    def record(error):
        return logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "Exception", (), (type(error), error, None))

    assert not serve._is_own_fault(record(LocalProtocolError("closed")))
    assert serve._is_own_fault(record(KeyError("ours")))
    assert serve._is_own_fault(logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "x", (), None))
