"""The page below a path of a proxy, whether or not the proxy passes that path on. Needs nginx."""

import shutil
import socket
import subprocess
import time

import pytest

from tests.served import serving
from tests.server.web.conftest import Client, fill, over

NGINX = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx, for example: apt-get install nginx-light")

CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    {temporary}
    server {{
        listen 127.0.0.1:{port};
        location /studio/ {{ proxy_pass http://127.0.0.1:{upstream}{passed}; proxy_set_header Host $http_host; }}
    }}
}}
"""


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(params=["", "/"], ids=["path passed on", "path taken off"])
def proxied(request, tmp_path, port):
    """A server behind nginx, and the address there."""
    with serving(tmp_path / "studio", root="/studio", names=(f"127.0.0.1:{port}",)) as server:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
        told = CONFIGURATION.format(
            folder=tmp_path, temporary=temporary, port=port, upstream=server.port, passed=request.param
        )
        (tmp_path / "nginx.conf").write_text(told)
        with subprocess.Popen(
            [NGINX, "-p", tmp_path, "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"]
        ) as nginx:
            wait_for(port)
            yield server, f"http://127.0.0.1:{port}/studio"
            nginx.terminate()


def wait_for(port):
    for _ in range(100):
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nginx does not answer")


def test_pictures_progress_and_uploads_pass_a_proxy(browser, proxied, tmp_path):
    server, url = proxied
    client = Client(browser, server, url)
    page = client.open("text-to-image")
    with server.held(1):
        fill(page, steps=4).locator(".generate").click()
        page.wait_for_function("document.querySelector('.status').textContent.startsWith('Step 1 of 4')")
    over(page)
    assert page.evaluate("document.querySelector('.stage .shown').decode().then(() => true)")
    made = server.session.runs(1)[0].pictures[0].path
    page.evaluate("location.hash = 'upscale'")
    page.set_input_files("#make-upscale .kind-picture input[type=file]", made)
    page.wait_for_function("document.querySelector('#make-upscale .kind-picture img')?.naturalWidth === 256")
    page.evaluate("location.hash = 'gallery'")
    page.wait_for_function("document.querySelector('.gallery [role=option] img')?.naturalWidth > 0")
    page.context.close()
    assert client.outside == []
    assert client.errors == []
