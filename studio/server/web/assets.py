"""Gradio's own scripts and styles: served from memory, kept by the browser, and announced with the page.

Left to itself, a browser learns of them in five rounds, each script naming the next, before the
first form can be drawn. ``needed`` reads the list out of what Gradio's build (Vite) wrote into its
scripts; where a later Gradio writes it otherwise, fewer are announced and the page is only slower.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import gradio
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response

from studio.server.guard import route_path

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOLDER: Final = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_FOREVER: Final = {"cache-control": "private, max-age=31536000, immutable"}
# Gradio makes its HTML blocks and its `js=` listeners with `Function(…)`, so it needs 'unsafe-eval'.
_CSP: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'{inline}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_LINKS: Final = {
    ".js": "rel=modulepreload",
    ".css": "rel=preload as=style",
    ".woff2": "rel=preload as=font crossorigin",
}


class Assets:
    """The files of ``FOLDER``. Their names change with their content, so a browser need never ask twice."""

    def __init__(self) -> None:
        self._files = {f"/{path.name}": path for path in FOLDER.iterdir()}
        self._kept = cache(_kept)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer with the file, or 404; compressing would cost more than it saves on one machine."""
        path = self._files.get(route_path(scope))
        answer = self._kept(path) if path else PlainTextResponse("no such file", 404)
        await answer(scope, receive, send)


def _kept(path: Path) -> Response:
    return Response(path.read_bytes(), 200, _FOREVER, _TYPES.get(path.suffix))


class PageHeaders:
    """Says in the page at "/" which ``addresses`` it is going to ask for, and what a browser may do with it.

    The addresses stand in the page, as proxies take no headers of many kilobytes. Of scripts within the page, a browser
    runs those that the page came with, by their hashes, and none that is put into it later.
    """

    def __init__(self, app: "ASGIApp", addresses: Iterable[str]) -> None:
        self._app = app
        self._links = "".join(map(_link, addresses)).encode()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on; add to the page's answer."""
        if scope["type"] == "http" and route_path(scope) == "/":
            headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
            await self._app({**scope, "headers": headers}, receive, self._adding(send))
        else:
            await self._app(scope, receive, send)

    def _adding(self, send: "Send") -> "Send":
        start: Message = {}
        parts: list[bytes] = []

        async def sending(message: "Message") -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                page = b"".join(parts).replace(b"<head>", b"<head>" + self._links, 1)
                policy, length = _CSP.format(inline=_hashes(page)), str(len(page))
                MutableHeaders(scope=start).update({"content-security-policy": policy, "content-length": length})
                await send(start)
                await send({"type": "http.response.body", "body": page})

        return sending


def _hashes(page: bytes) -> str:
    """The scripts within a page, as a policy names them."""
    scripts = re.findall(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", page, re.DOTALL)
    return "".join(f" 'sha256-{base64.b64encode(hashlib.sha256(each).digest()).decode()}'" for each in scripts)


def _link(address: str) -> str:
    mode = " crossorigin" if address.startswith("assets/") and address.endswith(".css") else ""
    return f'<link href="{address}" {_LINKS[Path(address).suffix]}{mode}>'


def needed(kinds: Iterable[str]) -> list[str]:
    """What Gradio asks for to draw components of these kinds ("textbox", "row"), in its order; relative addresses."""
    page = (FOLDER.parent / "index.html").read_text("utf-8")
    entry = re.findall(r"assets/(index-.+?\.js)", page)
    start = _list(_text(entry))
    files = [*entry, *start, *_used(_text(_like("Index-", start)), r"(import\(`\./Blocks-.+?\]\))")]
    core = _text(_like("core-", start))
    for kind in kinds:
        files += _used(core, rf"[,{{]{kind}:{{[^}}]*(component:[^}}]+)")
    return [f"assets/{name}" for name in dict.fromkeys(files)]


def _like(beginning: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(beginning) and name.endswith(".js")]


def _text(names: Iterable[str]) -> str:
    return "".join((FOLDER / name).read_text("utf-8") for name in names)


def _list(script: str) -> list[str]:
    """The files that a script may ask for, by their number in it."""
    found = re.search(r"\.f=\[(.*?)\]", script)
    return re.findall(r'"\./(.+?)"', found[1]) if found else []


def _used(script: str, part: str) -> Iterator[str]:
    """The files that one part of a script asks for, the ones found by their number."""
    found, names = re.search(part, script), _list(script)
    for numbers in re.findall(r"mapDeps\(\[([\d,]+)\]", found[1] if found else ""):
        yield from (names[int(number)] for number in numbers.split(","))
