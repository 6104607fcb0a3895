"""Lets only those requests reach Gradio that its page makes, and no request for a file that was not uploaded.

Gradio checks paths only in an app that was started with ``launch()``, which a mounted app is not, and downloads any URL
that stands in place of a file. The page does not need its other routes (proxy, vibe-edit, stream, recordings, server
functions of components, calls by name). So everything is refused except for the requests below.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import unquote, urlsplit

import gradio as gr
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request

from studio.files import strict_json
from studio.server.guard import Refusal, refuse, route_path
from studio.ui.uploads import SHOWN, contained

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILE: Final = "/gradio_api/file="
_CALLS: Final = ("/gradio_api/queue/join", "/gradio_api/run/predict")
_READ: Final = re.compile(
    r"/|/config|/theme\.css|/static/js/[\w.]+\.js|/gradio_api/(queue/data|upload_progress|app_id|heartbeat/\w+)"
)
_MULTIPART: Final = re.compile(r"""multipart/form-data;\s*boundary=("?)[\w'()+,./:=?-]{1,70}\1""")  # RFC 2046
_PROXIES: Final = (b"x-forwarded-", b"x-gradio-server")
_FILE_KEYS: Final = frozenset({"path", "url", "size", "orig_name", "mime_type", "is_stream", "meta"})
_META: Final = {"_type": "gradio.FileData"}
_FILE_MARKS: Final = frozenset({"path", "url", "meta", "_type", "is_stream"})  # a dict with one of them may be a file


class _Call(BaseModel):
    """The page's request to call one of its functions."""

    model_config = ConfigDict(extra="forbid", strict=True)
    data: list[Any]
    fn_index: int
    session_hash: Annotated[str, Field(pattern=r"^\w{1,64}$")]
    event_data: Any = None
    trigger_id: int | None = None


class GradioRequests:
    """Passes the requests of the page ``blocks`` to Gradio's ``app``, and refuses all others.

    ``folder`` is where Gradio stores uploads; only files in it may be named and fetched.
    """

    def __init__(self, app: "ASGIApp", blocks: gr.Blocks, folder: Path) -> None:
        self._app, self._folder = app, folder
        self._inputs = {fn._id: len(fn.inputs) for fn in blocks.fns.values() if fn.fn}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        try:
            await self._app(_unproxied(scope), await self._checked(scope, receive), send)
        except Refusal as refusal:
            await refuse(refusal, scope, send)

    async def _checked(self, scope: "Scope", receive: "Receive") -> "Receive":
        """The request's ``receive`` for Gradio; raises Refusal if it must not reach Gradio."""
        path = route_path(scope)
        method = scope.get("method")
        if method in ("GET", "HEAD") and _READ.fullmatch(path):
            return receive
        if method in ("GET", "HEAD") and path.startswith(FILE):
            self._check_served(path.removeprefix(FILE))
            return receive
        if method == "POST" and path == "/gradio_api/upload":
            _check_multipart(Headers(scope=scope).get("content-type", ""))
            return receive
        if method == "POST" and path in _CALLS:
            request = Request(scope, receive)
            return _body(self._call(await request.body(), request.url.netloc), receive)
        raise Refusal(404, "there is no such address")

    def _check_served(self, path: str) -> None:
        if not (self._uploaded(path) and Path(path).suffix.lower() in SHOWN):
            raise Refusal(404, "there is no such picture")

    def _uploaded(self, path: Any) -> bool:
        return isinstance(path, str) and Path(path).is_absolute() and contained(self._folder, path) is not None

    def _call(self, body: bytes, host: str) -> bytes:
        """The call as it was checked and serialised again, so that Gradio reads nothing else."""
        try:
            call = _Call.model_validate(strict_json.loads(body))
        except (ValidationError, ValueError):
            raise Refusal(422, "this is not a call that the page makes") from None
        if self._inputs.get(call.fn_index) != len(call.data):
            raise Refusal(404, "the page has no function with this number of inputs")
        for found in _files([call.data, call.event_data]):
            self._check_file(found, host)
        return call.model_dump_json().encode()

    def _check_file(self, found: Mapping[str, Any], host: str) -> None:
        path, url = found.get("path"), found.get("url")
        own = url is None or (isinstance(url, str) and _is_address(url, host, path))
        plain = found.keys() <= _FILE_KEYS and not found.get("is_stream") and found.get("meta") == _META
        if not (self._uploaded(path) and own and plain):
            raise Refusal(403, "files must be uploaded to this page first")


def _unproxied(scope: "Scope") -> "Scope":
    """The request without the headers by which a proxy, or anybody, could tell Gradio another address of the page."""
    headers = [(key, value) for key, value in scope["headers"] if not key.lower().startswith(_PROXIES)]
    return {**scope, "headers": headers}


def _check_multipart(kind: str) -> None:
    """Refuse boundaries for which Gradio's parser would raise an unhandled error."""
    if not _MULTIPART.fullmatch(kind):
        raise Refusal(400, "send multipart/form-data, with a boundary")


def _is_address(url: str, host: str, path: Any) -> bool:
    """Whether this is Gradio's own address of the file."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.netloc in ("", host) and not parts.query and unquote(parts.path).endswith(f"{FILE}{path}")


def _files(value: Any) -> Iterator[dict[str, Any]]:
    """Every dict in the value, at any depth, that Gradio could take for a file."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [inside for inside in one.values() if inside != _META]
            if one.keys() & _FILE_MARKS:
                yield one
        elif isinstance(one, list):
            waiting += one


def _body(content: bytes, receive: "Receive") -> "Receive":
    """A ``receive`` that returns this content first."""
    messages = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receiving() -> "Message":
        return next(messages, None) or await receive()

    return receiving
