"""ASGI middleware that decides which requests reach the server, in front of every HTTP and websocket route.

A server on 127.0.0.1 can be reached from any page that the user's browser opens: through a form, an image, or a host
name that resolves to this machine (DNS rebinding). So these checks follow each other:

    unknown Host              403    DNS rebinding
    unknown Origin            403    another site's script
    no token and no signed
      URL                     401    another user of the machine, another site's link
    body neither JSON
      nor an upload           415    another site's form
    no Content-Length         411
    body too large            413

Programs send the token as ``Authorization: Bearer``, or as the password of ``Basic``. A browser sends it once, in the
address ``/?token=…``, and gets two secrets for it: a key, which is the first part of the page's address (``/~KEY/``),
and a cookie for that address only, which scripts cannot read and other sites cannot send. A request needs both.

The cookie alone is not enough: cookies do not depend on the port, so a browser would send it to any server on this
machine, even another user's. With the key in its path it is not sent, because no other server knows the key. The page's
address, seen in a history or on a screen, is of no use without the cookie. The token cannot be derived from either.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from studio.server.problem_json import document
from studio.server.signed import SignedUrls

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 64_000_000
_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
_JSON_ONLY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_UPLOADS: Final = frozenset({"/gradio_api/upload", "/v1/images/edits", "/v1/images/variations"})
PAGE: Final = "/~"  # the start of a page's address, before its key
# For all responses except for the pages, which set policies of their own: a browser must not run anything in them.
_CSP: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"
_OPEN_FIRST: Final = "open the address that 'studio app' printed, or send its token as 'Bearer'"
_RESOURCE_POLICY: Final = b"cross-origin-resource-policy"
_HEADERS: Final = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (_RESOURCE_POLICY, b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
# For signed URLs, which other sites may embed.
_SHARED: Final = tuple({**dict[bytes, bytes](_HEADERS), _RESOURCE_POLICY: b"cross-origin"}.items())


class Refusal(Exception):
    """Why a request is refused: an HTTP status and a message."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Guard:
    """Passes only requests with a token on to ``app``.

    ``port`` is the server's port, ``tokens`` the valid tokens, ``max_body`` the most bytes of a request's body.
    ``names`` are further host names of the server, such as "studio.example.org", with or without a port. URLs of
    ``signed`` need no token. ``root`` ("/studio") is the path below which a proxy serves it; the proxy may remove it or
    not.
    """

    def __init__(
        self,
        app: "ASGIApp",
        *,
        port: int,
        tokens: Collection[str],
        names: Collection[str] = (),
        root: str = "",
        max_body: int = MAX_BODY,
        signed: SignedUrls | None = None,
    ) -> None:
        self._signed = signed
        self._app, self._tokens, self._root, self._max_body = app, tuple(tokens), root, max_body
        here = [f"{name}:{port}" for name in _NAMES]
        named = [each for name in names for each in (name.lower(), f"{name.lower()}:{port}")]
        self._hosts = frozenset([*here, *named])
        self._origins = frozenset(f"http://{host}" for host in self._hosts) | {f"https://{name}" for name in named}
        self._cookie = f"studio-{port}"
        self._pages = tuple((_derived(token, "key"), _derived(token, "cookie")) for token in self._tokens)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        scope = self._rooted(scope, headers)
        try:
            self._check_origin(headers)
            if token := self._token_in_url(scope):
                return await self._open_page(token, send)
            signed = False
            if route_path(scope).startswith(PAGE):
                scope = self._strip_page(scope, headers)
            elif not (signed := self._is_signed(scope)):
                self._check_token(headers)
            self._check_body(scope, headers)
            await self._app(scope, receive, _hardened(send, _SHARED if signed else _HEADERS))
        except Refusal as refusal:
            await refuse(refusal, scope, send)

    def _rooted(self, scope: "Scope", headers: Mapping[str, str]) -> "Scope":
        """The request with the path below ``root``, whether or not the proxy has removed it.

        The proxy's scheme only decides how the page's own address is written.
        """
        path = scope["path"]
        if path != self._root and not path.startswith(f"{self._root}/"):
            path = f"{self._root}{path}"
        scheme = "https" if headers.get("x-forwarded-proto") == "https" else scope.get("scheme", "http")
        return {**scope, "path": path if path != self._root else f"{path}/", "root_path": self._root, "scheme": scheme}

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        if headers.get("host", "").lower() not in self._hosts:
            raise Refusal(403, "this server answers only to its own address on this machine")
        if headers.get("origin", next(iter(self._origins))).lower() not in self._origins:
            raise Refusal(403, "requests from other sites are refused")

    def _token_in_url(self, scope: "Scope") -> str:
        """The token in the page's address; "" if there is none or it is wrong."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        page = scope["type"] == "http" and scope["method"] == "GET" and route_path(scope) == "/"
        return given if page and self._is_token(given) else ""

    async def _open_page(self, token: str, send: "Send") -> None:
        """Exchange the token in the address for the page's key and its cookie, and redirect to the page."""
        page, cookie = f"{self._root}{PAGE}{_derived(token, 'key')}/", _derived(token, "cookie")
        set_cookie = f"{self._cookie}={cookie}; Path={page}; HttpOnly; SameSite=Strict"
        headers = (
            (b"location", page.encode()),
            (b"set-cookie", set_cookie.encode()),
            (b"cache-control", b"no-store"),
        )
        await _answer(send, 303, b"", headers)

    def _strip_page(self, scope: "Scope", headers: Mapping[str, str]) -> "Scope":
        """The request with the page's address as its root path; raises Refusal without the cookie."""
        key, cookies = route_path(scope).removeprefix(PAGE).partition("/")[0], self._cookies(headers)
        if not any(_same(key, page) and _same(one, its) for page, its in self._pages for one in cookies):
            raise Refusal(401, _OPEN_FIRST)
        return {**scope, "root_path": f"{self._root}{PAGE}{key}"}

    def _check_token(self, headers: Mapping[str, str]) -> None:
        kind, _, rest = headers.get("authorization", "").partition(" ")
        if not self._is_token({"bearer": rest.strip(), "basic": _password(rest)}.get(kind.lower(), "")):
            raise Refusal(401, _OPEN_FIRST)

    def _is_signed(self, scope: "Scope") -> bool:
        """Whether the URL is signed."""
        if self._signed is None or scope["type"] != "http":
            return False
        return self._signed.opens(scope["method"], route_path(scope), scope["query_string"].decode("latin-1"))

    def _is_token(self, given: str) -> bool:
        return any(_same(given, token) for token in self._tokens)

    def _cookies(self, headers: Mapping[str, str]) -> list[str]:
        """All cookies with our name: another server on this machine may have set one too."""
        pairs = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
        return [value for name, _, value in pairs if name == self._cookie]

    def _check_body(self, scope: "Scope", headers: Mapping[str, str]) -> None:
        if scope["type"] != "http" or scope["method"] not in _JSON_ONLY:
            return
        if "transfer-encoding" in headers:
            raise Refusal(411, "send the length of the body as Content-Length")
        if not (length := headers.get("content-length", "0")).isdecimal():
            raise Refusal(400, "Content-Length must be a number")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        upload = kind == "multipart/form-data" and route_path(scope) in _UPLOADS
        if kind != "application/json" and not upload and (int(length) or kind):
            raise Refusal(415, "send JSON, with Content-Type: application/json")
        if int(length) > self._max_body:
            raise Refusal(413, f"the body is too large; send at most {self._max_body / 1e6:g} MB")


def route_path(scope: "Scope") -> str:
    """The path of a request without its root path."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _derived(token: str, purpose: str) -> str:
    """A secret that only the token's owner can compute, and that does not reveal the token."""
    return hmac.digest(token.encode(), purpose.encode(), "sha256").hex()[:32]


def _same(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode(), secret.encode())


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode().partition(":")[2]
    except ValueError:
        return ""


def _hardened(send: "Send", headers: tuple[tuple[bytes, bytes], ...]) -> "Send":
    """A ``send`` that adds these headers, unless the route has set them."""

    async def send_with_headers(message: "Message") -> None:
        if message["type"] == "http.response.start":
            present = {key.lower() for key, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in headers if pair[0] not in present)]
        await send(message)

    return send_with_headers


async def refuse(refusal: Refusal, scope: "Scope", send: "Send") -> None:
    """Respond with the reason why the request is refused."""
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail})
    if route_path(scope) == "/" or PAGE in scope["path"]:  # shown to a person, not to a program
        kind, body = "text/plain; charset=utf-8", refusal.detail
    else:
        problem, kind = document(route_path(scope), refusal.status, refusal.detail)
        body = json.dumps(problem)
    return await _answer(send, refusal.status, body.encode(), ((b"content-type", kind.encode()),))


async def _answer(send: "Send", status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length, *_HEADERS]})
    await send({"type": "http.response.body", "body": body})
