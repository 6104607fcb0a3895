"""A small Hub on loopback: the endpoints that fetching a model needs, on files in memory.

``api/models/{repository}/revision/{revision}`` tells commit, files, sizes and card;
``{repository}/resolve/{commit}/{file}`` answers HEAD with the headers the Hub gives and GET with ranges.
Large files are redirected to another host, as to the Hub's store. ``cut`` breaks one answer off after so many
bytes of a large file; then the store is out of order. With ``stall`` nothing more comes, but nothing ends either.
"""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """One repository. ``asked`` lists (method, path, range) of every request."""

    repository: str
    files: dict[str, bytes]
    licence: str = "openrail++"
    cut: int | None = None
    spoil: str = ""
    gated: bool = False
    broken: bool = False
    stall: bool = False
    stalled: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> "Hub":
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def store(self) -> str:
        return f"http://localhost:{self._server.server_port}"

    def fetched(self) -> list[str]:
        return [
            path.rpartition(COMMIT + "/")[2] for method, path, _ in self.asked if method == "GET" and "/store/" in path
        ]

    def etag(self, name: str) -> str:
        content = self.files[name]
        if self.large(name):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

    @staticmethod
    def large(name: str) -> bool:
        return name.endswith((".safetensors", ".bin", ".ckpt"))


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_GET(self) -> None:
        self._answer("GET")

    def log_message(self, *_) -> None:
        pass

    def _answer(self, method: str) -> None:
        path, hub = unquote(urlsplit(self.path).path), self.hub
        hub.asked.append((method, path, self.headers.get("Range", "")))
        hub.tokens.append((path, self.headers.get("Authorization", "")))
        if path.startswith(f"/api/models/{hub.repository}/revision/"):
            return self._info(path.rpartition("/")[2])
        for place in (f"/{hub.repository}/resolve/{COMMIT}/", f"/store/{COMMIT}/"):
            name = path.removeprefix(place)
            if path.startswith(place) and name in hub.files:
                return self._file(method, name, stored=place.startswith("/store"))
        return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _info(self, revision: str) -> None:
        if revision not in {"main", COMMIT}:
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if self.hub.gated:
            return self._send(403, b"{}", {"X-Error-Code": "GatedRepo"})
        siblings = [{"rfilename": name, "size": len(content)} for name, content in self.hub.files.items()]
        card = {"license": self.hub.licence}
        info = {"id": self.hub.repository, "sha": COMMIT, "siblings": siblings, "cardData": card}
        return self._send(200, json.dumps(info).encode(), {"Content-Type": "application/json"})

    def _file(self, method: str, name: str, *, stored: bool) -> None:
        content = self.hub.files[name]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{self.hub.etag(name)}"'}
        if self.hub.large(name) and not stored:
            linked = {"X-Linked-Size": str(len(content)), "X-Linked-Etag": headers["ETag"]}
            return self._send(302, b"", headers | linked | {"Location": f"{self.hub.store}/store/{COMMIT}/{name}"})
        if method == "HEAD":
            return self._send(200, b"", headers, length=len(content))
        if stored and self.hub.broken:
            return self._send(503, b"", {})
        self.hub.broken = stored and self.hub.cut is not None
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        body = content[begin:] if name != self.hub.spoil else bytes(len(content) - begin)
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        return self._send(206 if begin else 200, body, headers, cut=self.hub.cut if stored else None)

    def _send(self, status, body: bytes, headers: dict[str, str], length=None, cut=None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body) if length is None else length)} | headers).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut is not None and cut < len(body):
            self.wfile.flush()
            self.close_connection = True
            if self.hub.stall:
                self.hub.stalled.set()
                self.hub._over.wait(60)
