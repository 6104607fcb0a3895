"""Thousands of requests that a server was not made for: no 500, no traceback, no answer after two seconds."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from tests.torture.figures import Figures
from tests.torture.requests import Known, Requests, Sent

SLOWEST = 2.0  # seconds
MAKING = ("/sdapi/v1/txt2img", "/sdapi/v1/img2img", "/v1/images/generations")  # answer when the picture is made
_MADE = 300  # seconds, in which a picture is made also on a machine that is busy


class Answer(NamedTuple):
    """What came back: 0 where the line was closed without an answer."""

    status: int
    body: bytes
    seconds: float


def run(folder: Path, tasks: int = 10_000, seed: int = 1) -> Figures:
    """A server of its own, as ``studio app`` starts it."""
    figures, log = Figures(), folder / "log"
    with serving(folder, log) as (port, token):
        bombard(figures, port, token, tasks, seed)
        after = exchange(port, Sent("GET", "/api/jobs", bearer(port, token))).status
        figures.tell("it still answers", after, bound=200, holds=after == 200)
    figures.none("tracebacks in its log", tracebacks(log.read_text("utf-8", "replace")))
    return figures


def tracebacks(log: str) -> list[str]:
    """Each kind of traceback in a log once: how often, where in the studio, and the error."""
    kinds = Counter[str]()
    for text in log.split("Traceback (most recent call last):\n")[1:]:
        lines = list(takewhile(lambda line: line.startswith(" "), text.splitlines()))
        places = [line.strip() for line in lines if "/studio/" in line] or [line.strip() for line in lines[-2:-1]]
        error = text.splitlines()[len(lines)] if len(text.splitlines()) > len(lines) else ""
        kinds[f"{places[-1]}: {error[:300]}"] += 1
    return [f"{count} times {kind}" for kind, count in kinds.most_common()]


@contextmanager
def serving(folder: Path, log: Path) -> Iterator[tuple[int, str]]:
    """A server in a process of its own: its port and its token. All that it says goes to ``log``."""
    own = {"STUDIO_STATE": str(folder / "state"), "STUDIO_OUTPUT": str(folder / "pictures"), "STUDIO_DEVICE": "cpu"}
    command = [sys.executable, "-m", "studio", "app", "--no-open", "--port", "0"]
    with log.open("wb") as heard:
        process = subprocess.Popen(command, stdout=heard, stderr=subprocess.STDOUT, env={**os.environ, **own})
    try:
        while not (found := re.search(r":(\d+)/\?token=(\S+)", log.read_text("utf-8", "replace"))):
            time.sleep(0.05)
        yield int(found[1]), found[2]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def bombard(figures: Figures, port: int, token: str, tasks: int, seed: int) -> None:
    """Send so many requests to a server that is there, one after another, and tell what came of them."""
    requests = Requests(look_around(port, token), f"127.0.0.1:{port}", token, seed)
    statuses, broken, slow, slowest = Counter[int](), list[str](), list[str](), 0.0
    for n in range(tasks):
        sent = requests.draw()
        answer = exchange(port, sent, _MADE if sent.path.startswith(MAKING) else 20)
        statuses[answer.status] += 1
        made = answer.status == 200 and sent.path.startswith(MAKING)
        if answer.status in (0, 500):
            broken.append(f"{n}: {answer.status} {_short(sent)}")
        if not made:
            slowest = max(slowest, answer.seconds)
            slow += [f"{n}: {answer.seconds:.1f} s {_short(sent)}"] if answer.seconds > SLOWEST else []
        _undo(port, token, sent, answer)
    figures.tell("requests", f"{tasks}, answered with {dict(sorted(statuses.items()))}")
    figures.none("answered with 500, or not at all", broken)
    figures.none(f"answered after {SLOWEST} s", slow)
    figures.most("slowest answer", slowest, SLOWEST, "s")


def bearer(port: int, token: str) -> dict[str, str]:
    """The headers of a request that is right."""
    return {"Host": f"127.0.0.1:{port}", "Authorization": f"Bearer {token}"}


def look_around(port: int, token: str) -> Known:
    """What the server has; a small picture is made first, so that there is one and the model is loaded."""

    def get(path: str) -> bytes:
        return exchange(port, Sent("GET", path, bearer(port, token)), 60).body

    asked = {"prompt": "a star", "steps": 1, "width": 64, "height": 64}
    json_type = {"Content-Type": "application/json", **bearer(port, token)}
    exchange(port, Sent("POST", MAKING[0], json_type, json.dumps(asked).encode()), 120)
    document, jobs = json.loads(get("/api/openapi.json")), json.loads(get("/api/jobs"))
    pictures, gallery = [each["pictures"][0] for each in jobs if each["pictures"]], json.loads(get("/api/gallery"))
    workflows = {each["name"]: list(each["schema"]["properties"]) for each in json.loads(get("/api/workflows"))}
    ids = [*workflows, *(each["id"] for each in [*jobs, *pictures, *gallery["pictures"]]), "spark", "neon-glow"]
    operations = [(m.upper(), path, one) for path, methods in document["paths"].items() for m, one in methods.items()]
    return Known(operations, document["components"]["schemas"], workflows, ids, get(pictures[0]["url"]))


def exchange(port: int, sent: Sent, timeout: float = 20) -> Answer:
    """Send exactly these bytes and read the answer; of a stream of events only its beginning."""
    head = {"Connection": "close", "Content-Length": str(len(sent.body)), **sent.headers}
    if "Transfer-Encoding" in head:
        del head["Content-Length"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as line:
            line.sendall(f"{sent.method} {sent.path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + sent.body)
            answer = http.client.HTTPResponse(line, method=sent.method)
            answer.begin()
            stream = "event-stream" in (answer.getheader("Content-Type") or "")
            body = answer.readline() if stream else answer.read()
            return Answer(answer.status, body, time.monotonic() - began)
    except (OSError, http.client.HTTPException):
        return Answer(0, b"", time.monotonic() - began)


def _undo(port: int, token: str, sent: Sent, answer: Answer) -> None:
    """Work that was really begun is stopped at once, so that the next request does not wait for it."""
    if answer.status not in (200, 201) or sent.method != "POST":
        return
    path = sent.path.partition("?")[0]
    if path.startswith("/api/jobs"):
        exchange(port, Sent("DELETE", f"/api/jobs/{json.loads(answer.body)['id']}", bearer(port, token)))
    elif path.startswith("/api/batches") and not path.endswith("preview"):
        exchange(port, Sent("POST", f"/api/batches/{json.loads(answer.body)['name']}/stop", bearer(port, token)))


def _short(sent: Sent) -> str:
    return f"{sent.method} {sent.path[:200]} {sent.headers} {sent.body[:1500]!r}"
