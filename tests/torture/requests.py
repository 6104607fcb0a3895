"""Requests that a server was not made for: seeded, over all routes of its API, Gradio's and none at all.

Each begins as one that is right, where we know how, and has some of it spoilt: so that it gets past the first check.
"""

import base64
import json
import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

ATOMS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 0.5, 2**31, 2**63, 2**64, 10**400, -1e308, float("nan"), float("inf"), "", " ",
    "\0", "0", "-1", "1e999", "nan", "x" * 300, "x" * 5000, "../../../etc/passwd", "/etc/passwd",
    "file:///etc/passwd", "..", ".", "/", "C:\\Windows\\win.ini", "http://127.0.0.1:1/x.png", "\ud800", "\udcff",
    "\u202e", "😀" * 50, "<script>alert(1)</script>", "{red|blue}", "__name__", "{" * 200, "(" * 200, "[a:b:0.5]",
    "<lora:x:1>", "a: b: c", '"', "'; drop table runs; --", "%00", "%s%n", "1..1000000000", "1..3:0", "a,b", "CON",
    "AUX.png", "2024-13-45", "seed:", "NaN", "data:image/png;base64,AAAA", [], {}, [[]], [None], {"": None},
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, {"__class__": 1}, {"model_config": 1}, [1] * 1000,
    ["x"] * 200,
)  # fmt: skip
SEARCHES = (
    "star", "workflow:poster", "rating:4", "rating:>", "seed:7", "seed:99999999999999999999", "licence:apache",
    "tag:x", "-tag:", "made:2024", "made:9999-99", "made:>2024-01-01", "size:64x64", "size:x", '"unfinished',
    "a OR b", "NEAR(a b)", "a*", "^a", "place:trash", "like:0", "is:favourite", "collection:\0", "(((", "a:b:c",
    "prompt:", ":", "model:*", "-", "--", "\ufeff",
)  # fmt: skip
CSVS = (
    "prompt\na star\n", "prompt,steps\na,1\nb,x\n", "prompt;seed\na;1\n", "\ufeffprompt\na\n", "a,b\n1\n",
    "prompt\n" + "x\n" * 500, "prompt,prompt\na,b\n", '"prompt', "prompt\n\0\n", "", "\n\n\n",
    "=cmd|' /C calc'!A0\nx\n", "prompt.en,prompt.de\na,b\n", "prompt,image\nx,/etc/passwd\n", "prompt\n{red|blue}\n",
)  # fmt: skip
FILES = ("x.csv", "x.tsv", "x.jsonl", "x.xlsx", "x", "../x.csv", "x.csv\0", "x.exe", "")


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X" * 30)
STARTS = ("/", "/api/", "/api/pictures/", "/gradio_api/file=", "/studio/", "/assets/", "/~", "/v1/", "//", "/sdapi/v1/")
BODIES = (b"", b"{", b"[" * 100_000, b"null", b"\xff\xfe\x00", b'{"a":' * 5000, b'{"a": ' + b"9" * 5000 + b"}")
HEADERS = (
    ("Host", "evil.example"), ("Host", ""), ("Origin", "http://evil.example"), ("Origin", "null"),
    ("Authorization", ""), ("Authorization", "Bearer"), ("Authorization", "Basic ===="),
    ("Authorization", "Bearer \xff\xfe"), ("Cookie", "=;=;\xff"), ("Content-Type", "text/plain"),
    ("Content-Type", "application/json; charset=utf-16"), ("Accept", "\xff" * 100), ("Range", "bytes=9-1"),
    ("Range", "bytes=0-,5-" + ",1-2" * 500), ("If-Range", '"x'), ("If-Modified-Since", "x"),
    ("X-Forwarded-Host", "evil"), ("Transfer-Encoding", "chunked"), ("Upgrade", "websocket"),
    ("Expect", "100-continue"),
    ("X-Long", "x" * 20_000), ("Last-Event-ID", "\xff"), ("Content-Encoding", "gzip"),
)  # fmt: skip


@dataclass
class Sent:
    """One request, as bytes on the wire know it."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Known:
    """What is really there, for requests that get past the first check."""

    operations: list[tuple[str, str, dict[str, Any]]]
    """Method, path template and the OpenAPI operation."""
    schemas: dict[str, Any]
    workflows: dict[str, list[str]]
    """The inputs of each workflow."""
    ids: list[str]
    picture: bytes


class Requests:
    """Draws one request after another from a seed."""

    def __init__(self, known: Known, host: str, token: str, seed: int) -> None:
        self._known, self._host, self._token = known, host, token
        self._chance = random.Random(seed)
        self._special = {
            "/api/jobs": self._job, "/api/recipes": self._carrier, "/sdapi/v1/png-info": self._png_info,
            "/api/batches": self._batch, "/api/batches/preview": self._batch, "/sdapi/v1/txt2img": self._a1111,
            "/sdapi/v1/img2img": self._a1111, "/v1/images/generations": self._openai,
        }  # fmt: skip

    def draw(self) -> Sent:
        """The next request."""
        kinds = (self._api, self._gradio, self._upload, self._stray)
        sent = self._chance.choices(kinds, (80, 8, 4, 8))[0]()
        headers = {"Host": self._host, "Authorization": f"Bearer {self._token}", **sent.headers}
        if self._chance.random() < 0.06:
            headers.update(self._odd_headers())
        return Sent(sent.method, sent.path, headers, sent.body)

    def _api(self) -> Sent:
        method, template, operation = self._chance.choice(self._known.operations)
        path, query = template, []
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                text = quote(self._text(self._id()), safe=self._chance.choice(("/", "")))
                path = path.replace(f"{{{parameter['name']}}}", text)
            elif self._chance.random() < 0.7:
                query.append(f"{parameter['name']}={quote(self._text(self._parameter(parameter)))}")
        path += f"?{'&'.join(query)}" if query else ""
        if "requestBody" not in operation and self._chance.random() < 0.9:
            return Sent(method, path)
        return self._json(method, path, self._body(template, operation))

    def _body(self, template: str, operation: dict[str, Any]) -> Any:
        if self._chance.random() < 0.06:
            return self._chance.choice(ATOMS)
        if template in self._special:
            return self._spoilt(self._special[template]())
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        return self._spoilt(self._like(content.get("schema", {})))

    def _like(self, schema: dict[str, Any]) -> Any:
        """A value that follows a schema, more or less."""
        if "$ref" in schema:
            return self._like(self._known.schemas[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return self._like(self._chance.choice(schema["anyOf"]))
        kind = schema.get("type")
        if kind == "object":
            named = {name: self._like(inner) for name, inner in schema.get("properties", {}).items()}
            return named or {"x": self._chance.choice((True, False))}
        if kind == "array":
            return [self._like(schema.get("items", {})) for _ in range(self._chance.choice((0, 1, 2)))]
        return {"string": self._id(), "integer": 1, "number": 0.5, "boolean": True, "null": None}.get(
            str(kind), self._id()
        )

    def _spoilt(self, value: Any) -> Any:
        """The value with one to three of its parts replaced; now and then as it is."""
        if self._chance.random() < 0.08:
            return value
        for _ in range(self._chance.choice((1, 1, 2, 3))):
            value = self._replaced(value)
        return value

    def _replaced(self, value: Any) -> Any:
        if isinstance(value, dict) and value and self._chance.random() < 0.9:
            name = self._chance.choice(list(value))
            if self._chance.random() < 0.1:
                return {**value, self._text(self._chance.choice(ATOMS))[:200]: self._chance.choice(ATOMS)}
            return {**value, name: self._replaced(value[name])}
        if isinstance(value, list) and value and self._chance.random() < 0.7:
            return [self._replaced(value[0]), *value[1:]]
        return self._deep() if self._chance.random() < 0.03 else self._chance.choice(ATOMS)

    def _deep(self) -> Any:
        value: Any = "x"
        for _ in range(self._chance.choice((50, 500))):
            value = [value] if self._chance.random() < 0.5 else {"a": value}
        return value

    def _job(self) -> Any:
        workflow = self._chance.choice(list(self._known.workflows))
        given = {
            "prompt": "a star",
            "steps": 1,
            "size": "64x64",
            "count": 1,
            "image": self._picture(),
            "mask": self._picture(),
        }
        inputs = self._known.workflows[workflow]
        some = self._chance.sample(inputs, self._chance.randint(0, min(4, len(inputs))))
        values = {name: value for name, value in given.items() if name in inputs} | {
            name: self._chance.choice(ATOMS) for name in some
        }
        return {"workflow": workflow, "values": values}

    def _carrier(self) -> Any:
        return {"picture": self._picture()}

    def _png_info(self) -> Any:
        return {"image": self._picture()}

    def _picture(self) -> str:
        """A picture as base64: whole, cut, or with some bytes changed; or an id."""
        data = bytearray(self._known.picture)
        way = self._chance.random()
        if way < 0.3:
            return self._text(self._id())
        if way < 0.5:
            data = data[: self._chance.randrange(len(data))]
        elif way < 0.9:
            for _ in range(self._chance.randint(1, 20)):
                data[self._chance.randrange(len(data))] = self._chance.randrange(256)
        prefix = self._chance.choice(("", "data:image/png;base64,"))
        return prefix + base64.b64encode(bytes(data)).decode()

    def _batch(self) -> Any:
        table = self._chance.choice(CSVS).encode("utf-8", "surrogatepass")
        if self._chance.random() < 0.3:
            table = self._chance.randbytes(self._chance.randint(0, 2000))
        return {
            "table": base64.b64encode(table).decode(), "file": self._chance.choice(FILES),
            "name": f"b{self._chance.random()}",
            "workflow": self._chance.choice(list(self._known.workflows)), "names": "{row}", "values": {"steps": "1"},
            "grid": {}, "encoding": "", "mapping": {},
        }  # fmt: skip

    def _a1111(self) -> Any:
        asked = {
            "prompt": "a star",
            "steps": 1,
            "width": 64,
            "height": 64,
            "seed": 1,
            "sampler_name": "DDIM",
            "cfg_scale": 3,
        }
        more = {"init_images": [self._picture()], "denoising_strength": 0.5, "mask": self._picture()}
        rare = (
            "override_settings",
            "scheduler",
            "batch_size",
            "n_iter",
            "negative_prompt",
            "alwayson_scripts",
            "styles",
        )
        asked.update(self._chance.choice(({}, more)))
        return asked | {name: self._chance.choice(ATOMS) for name in rare if self._chance.random() < 0.2}

    def _openai(self) -> Any:
        return {
            "prompt": "a star",
            "n": 1,
            "size": "64x64",
            "response_format": "b64_json",
            "model": "dall-e-3",
            "style": 1,
        }

    def _gradio(self) -> Sent:
        data, function = [self._chance.choice(ATOMS)], self._chance.randrange(60)
        call = {"data": data, "fn_index": function, "session_hash": "s", "event_data": None}
        place = self._chance.choice(("queue/join", "run/predict", "api/x", "cancel"))
        return self._json("POST", f"/gradio_api/{place}", self._spoilt(call))

    def _upload(self) -> Sent:
        """Multipart, more or less."""
        boundary = self._chance.choice(("x", "----y", "", 'a"b', "x" * 300))
        name = self._chance.choice(("files", "", "x"))
        file = self._chance.choice(("a.png", "../../a.png", "\0", "a" * 400, "", "a\r\nX: y", "C:\\a.png", ".htaccess"))
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'.encode()
        body = part + self._known.picture + f"\r\n--{boundary}--\r\n".encode()
        if self._chance.random() < 0.4:
            body = body[: self._chance.randrange(len(body))]
        return Sent("POST", "/gradio_api/upload", {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body)

    def _stray(self) -> Sent:
        """Any address, any method, any body."""
        path = self._chance.choice(STARTS) + quote(
            self._text(self._chance.choice(ATOMS)), safe=self._chance.choice("/x")
        )
        body = self._chance.choice((*BODIES, self._chance.randbytes(99)))
        return Sent(self._chance.choice(METHODS), path, {"Content-Type": "application/json"} if body else {}, body)

    def _odd_headers(self) -> dict[str, str]:
        name, value = self._chance.choice(HEADERS)
        return {name: value}

    def _parameter(self, parameter: dict[str, Any]) -> Any:
        if parameter["name"] == "find" and self._chance.random() < 0.8:
            return " ".join(self._chance.choices(SEARCHES, k=self._chance.randint(1, 3)))
        return self._chance.choice((1, 64, self._id(), self._chance.choice(ATOMS)))

    def _id(self) -> Any:
        return self._chance.choice(self._known.ids) if self._chance.random() < 0.6 else self._chance.choice(ATOMS)

    def _json(self, method: str, path: str, value: Any) -> Sent:
        return Sent(method, path, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def _text(self, value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return text.encode("utf-8", "replace").decode()
