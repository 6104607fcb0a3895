"""The guard in front of the server: what another site, another user or a wrong client may not do."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from studio.server.guard import Guard

PORT, TOKEN, OTHER = 7860, "s3cret-token", "another-user-s"
HOST = f"127.0.0.1:{PORT}"
BEARER = {"authorization": f"Bearer {TOKEN}"}


async def hello(scope, receive, send):
    """The app behind: says hello, or accepts the websocket."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"root", scope["root_path"].encode())]})
    await send({"type": "http.response.body", "body": b"hello"})


def ask(method="GET", path="/api/jobs", query="", kind="http", root="", **headers):
    """What the guard of these tests answers."""
    guard = Guard(hello, port=PORT, tokens=(OTHER, TOKEN), names=("studio.example",), root=root, max_body=1000)
    return answered(guard, method, path, query, kind, **headers)


def answered(guard, method="GET", path="/api/jobs", query="", kind="http", **headers):
    """What a guard answers: status (or message type of a websocket) and headers."""
    named = {"host": HOST} | {key.replace("_", "-"): value for key, value in headers.items()}
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in named.items()],
    }
    sent = []

    async def send(message):
        sent.append(message)

    with ThreadPoolExecutor(1) as aside:  # this thread may have a loop of its own, a browser's
        aside.submit(asyncio.run, guard(scope, None, send)).result()
    return sent[0].get("status", sent[0]["type"]), dict(sent[0].get("headers", ()))


def test_with_the_token_it_answers_and_adds_the_headers():
    status, headers = ask(**BEARER)
    assert status == 200
    assert headers[b"content-security-policy"].startswith(b"default-src 'none'; sandbox")
    assert headers[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.evil:7860", ""]
)
def test_another_host_name_is_refused_even_with_the_token(host):
    assert ask(**{**BEARER, "host": host})[0] == 403


def test_each_user_has_a_token():
    assert ask(authorization=f"Bearer {OTHER}")[0] == 200
    (page, cookie), (other, others) = page_of(TOKEN), page_of(OTHER)
    assert page != other
    assert ask(path=f"{other}api/jobs", cookie=others)[0] == 200
    assert ask(path=f"{other}api/jobs", cookie=cookie)[0] == ask(path=f"{page}api/jobs", cookie=others)[0] == 401


def test_a_server_with_a_name_answers_to_it():
    assert ask(**BEARER, host="Studio.example", origin="https://studio.example")[0] == 200
    assert ask(**BEARER, host="studio.example", origin="https://evil.example")[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "LOCALHOST:7860"])
def test_the_machines_own_names_are_known(host):
    assert ask(**{**BEARER, "host": host})[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:7860", "http://127.0.0.1:8888"])
def test_another_origin_is_refused_even_with_the_token(origin):
    assert ask(**BEARER, origin=origin)[0] == 403


@pytest.mark.parametrize(
    "path", ["/", "/api/jobs", "/gradio_api/queue/join", "/assets/index.js", "/v1/images/generations"]
)
def test_without_the_token_no_route_answers(path):
    assert ask(path=path)[0] == 401
    assert ask(path=path, authorization="Bearer wrong")[0] == 401
    assert ask(path=path, cookie="studio-7860=wrong")[0] == 401
    assert ask(path=path, cookie=f"studio-7860={TOKEN}")[0] == 401


def page_of(token):
    """The page's address and its cookie, which the token is traded for."""
    status, headers = ask(path="/", query=f"token={token}")
    assert status == 303
    return headers[b"location"].decode(), headers[b"set-cookie"].decode().partition(";")[0]


def test_the_token_in_the_address_becomes_a_page_of_its_own_with_a_cookie_that_scripts_cannot_read():
    page, _ = page_of(TOKEN)
    cookie = ask(path="/", query=f"token={TOKEN}")[1][b"set-cookie"].decode()
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert f"Path={page}" in cookie
    assert TOKEN not in cookie + page


def test_a_page_needs_its_cookie_and_the_cookie_its_page():
    page, cookie = page_of(TOKEN)
    status, headers = ask(path=f"{page}api/jobs", cookie=cookie)
    assert (status, headers[b"root"].decode()) == (200, page.rstrip("/"))
    assert ask(path=f"{page}api/jobs")[0] == 401
    assert ask(path=f"{page}api/jobs", cookie=f"studio-7860={'0' * 32}")[0] == 401
    assert ask(path=f"{page}api/jobs", cookie=cookie.replace("studio-7860", "studio-7861"))[0] == 401
    assert ask(path="/~/api/jobs", cookie=cookie)[0] == ask(path="/~", cookie=cookie)[0] == 401
    for path in ("/", "/api/jobs", f"{page[:-2]}/api/jobs", f"/x{page}"):
        assert ask(path=path, cookie=cookie)[0] == 401
    secret = cookie.partition("=")[2]
    assert ask(authorization=f"Bearer {secret}")[0] == 401  # it is not a token either
    assert ask(path="/", query=f"token={secret}")[0] == 401


def test_a_cookie_that_another_server_has_set_beside_it_does_no_harm():
    page, cookie = page_of(TOKEN)
    for both in (f"{cookie}; studio-7860=other", f"studio-7860=other; {cookie}", f"a=b;{cookie};c"):
        assert ask(path=f"{page}api/jobs", cookie=both)[0] == 200


def test_what_only_a_broken_client_sends_is_refused():
    assert ask("POST", content_length="x", content_type="application/json", **BEARER)[0] == 400
    assert ask("POST", content_length="-1", content_type="application/json", **BEARER)[0] == 400
    assert ask(cookie='studio-7860="\\777; =;;', path="/~x/")[0] == 401
    assert ask(authorization="Bearer \xff")[0] == 401


def test_the_token_in_the_address_counts_only_for_the_page():
    assert ask(path="/api/jobs", query=f"token={TOKEN}")[0] == 401
    assert ask(path="/", query="token=wrong")[0] == 401


def test_the_token_is_the_password_of_clients_that_know_basic():
    pair = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    assert ask(authorization=f"Basic {pair}")[0] == 200
    assert ask(authorization="Basic ====")[0] == 401
    assert ask(authorization="Basic " + base64.b64encode(b"a:b").decode())[0] == 401


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]
)
def test_a_form_cannot_post_to_the_json_api(kind):
    assert ask("POST", content_length="5", content_type=kind, **BEARER)[0] == 415


def test_json_may_post_and_a_file_only_to_the_upload():
    assert ask("POST", content_length="5", content_type="application/json", **BEARER)[0] == 200
    multipart = {"content_length": "5", "content_type": "multipart/form-data; boundary=x"}
    assert ask("POST", "/gradio_api/upload", **multipart, **BEARER)[0] == 200
    assert ask("DELETE", **BEARER)[0] == 200


def test_bodies_have_a_cap_and_must_say_their_length():
    json = {"content_type": "application/json", **BEARER}
    assert ask("POST", content_length="1001", **json)[0] == 413
    assert ask("POST", transfer_encoding="chunked", **json)[0] == 411


def test_websockets_are_guarded_the_same_way():
    assert ask(kind="websocket", **BEARER)[0] == "websocket.accept"
    assert ask(kind="websocket")[0] == "websocket.close"
    assert ask(kind="websocket", **{**BEARER, "host": "evil.example:7860"})[0] == "websocket.close"
    assert ask(kind="websocket", origin="http://evil.example", **BEARER)[0] == "websocket.close"


@pytest.mark.parametrize("passed_on", ["", "/studio"])
def test_below_a_path_of_a_proxy_that_passes_it_on_or_not(passed_on):
    status, headers = ask(path=f"{passed_on}/", query=f"token={TOKEN}", root="/studio")
    page = headers[b"location"].decode()
    assert (status, page[:9]) == (303, "/studio/~")
    assert f"Path={page};" in headers[b"set-cookie"].decode()
    cookie = headers[b"set-cookie"].decode().partition(";")[0]
    status, headers = ask(path=f"{passed_on}{page.removeprefix('/studio')}api/jobs", root="/studio", cookie=cookie)
    assert (status, headers[b"root"].decode()) == (200, page.rstrip("/"))
    assert ask(path=f"{passed_on}/api/jobs", root="/studio", **BEARER)[0] == 200
    assert ask(path=f"{passed_on}/api/jobs", root="/studio")[0] == 401


def test_a_name_that_is_allowed_may_come_with_the_port():
    assert ask(**BEARER, host=f"studio.example:{PORT}", origin=f"http://studio.example:{PORT}")[0] == 200
    assert ask(**BEARER, host="studio.example:99")[0] == 403
