"""Gradio's scripts and styles: served from memory, cached by the browser, and preloaded with the page.

Without preloading, a browser discovers them in five rounds, each script naming the next, before it can draw the first
form. ``needed`` reads the list from what Gradio's build (Vite) wrote into its scripts. If a later Gradio writes it
differently, fewer files are preloaded and the page is only slower.
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
# Gradio creates its HTML blocks and `js=` listeners with `Function(…)`, so it needs 'unsafe-eval'.
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


class GradioAssets:
    """Serves the files of ``FOLDER``. Their names change with their content, so browsers may cache them for ever."""

    def __init__(self) -> None:
        self._files = {f"/{path.name}": path for path in FOLDER.iterdir()}
        self._response = cache(_response)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Send the file, or 404. It is not compressed, which would cost more than it saves on one machine."""
        path = self._files.get(route_path(scope))
        answer = self._response(path) if path else PlainTextResponse("no such file", 404)
        await answer(scope, receive, send)


def _response(path: Path) -> Response:
    return Response(path.read_bytes(), 200, _FOREVER, _TYPES.get(path.suffix))


class PageHeaders:
    """Adds preload links for ``addresses`` and a content security policy to the page at "/".

    The links are in the page, because proxies refuse headers of many kilobytes. Of inline scripts, a browser runs only
    those of the original page, by their hashes.
    """

    def __init__(self, app: "ASGIApp", addresses: Iterable[str]) -> None:
        self._app = app
        self._links = "".join(map(_link, addresses)).encode()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on, and extend the response if it is the page."""
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
    """The hashes of a page's inline scripts, as the policy lists them."""
    scripts = re.findall(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", page, re.DOTALL)
    return "".join(f" 'sha256-{base64.b64encode(hashlib.sha256(each).digest()).decode()}'" for each in scripts)


def _link(address: str) -> str:
    mode = " crossorigin" if address.startswith("assets/") and address.endswith(".css") else ""
    return f'<link href="{address}" {_LINKS[Path(address).suffix]}{mode}>'


def needed(kinds: Iterable[str]) -> list[str]:
    """The relative addresses that Gradio loads for components of these kinds ("textbox", "row"), in its order."""
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
    """The files that a script may import, in the order of their numbers."""
    found = re.search(r"\.f=\[(.*?)\]", script)
    return re.findall(r'"\./(.+?)"', found[1]) if found else []


def _used(script: str, part: str) -> Iterator[str]:
    """The files that one part of a script imports; the script names them by number."""
    found, names = re.search(part, script), _list(script)
    for numbers in re.findall(r"mapDeps\(\[([\d,]+)\]", found[1] if found else ""):
        yield from (names[int(number)] for number in numbers.split(","))
