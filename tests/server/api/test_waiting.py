"""Many calls that wait for their pictures, a queue that takes nothing, jobs of another version: over real sockets."""

import asyncio
import base64
import json
import sqlite3
import threading
from contextlib import closing, contextmanager

import httpx
import pytest
import uvicorn

from studio.config import Settings
from studio.runtime import queue_file, worker
from studio.runtime.session import Session
from studio.server import api
from studio.server.batch_store import BatchStore
from studio.ui import uploads
from tests.torture.full import Quick

WAITING = 45  # calls: more than a server has threads
SMALL = {"prompt": "a star", "steps": 1, "width": 64, "height": 64}


class Held(Quick):
    """An executor that makes nothing until ``go`` is set."""

    def __init__(self):
        super().__init__()
        self.go = threading.Event()

    def execute(self, *given, **named):
        assert self.go.wait(120)
        yield from super().execute(*given, **named)


@contextmanager
def served(home, executor):
    """The API alone, without a guard, on a free port: its session and its address."""
    session = Session(Settings(output=home / "out", device="cpu", state=home / "state"), executor=executor)
    quiet = {"log_level": "critical", "timeout_graceful_shutdown": 0}
    server = uvicorn.Server(uvicorn.Config(api.build(session, BatchStore(session)), port=0, **quiet))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    try:
        yield session, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        session.close()


def test_while_many_calls_wait_everything_else_is_answered_and_each_gets_its_own_picture(tmp_path):
    executor = Held()

    async def calls(session, url):
        async with httpx.AsyncClient(base_url=url, timeout=120, limits=httpx.Limits(max_connections=None)) as client:
            asked = [("/sdapi/v1/txt2img", {**SMALL, "seed": n}) for n in range(WAITING)]
            asked[1] = ("/v1/images/generations", {"prompt": "a star", "model": "gpt-image-1"})
            posts = [asyncio.create_task(client.post(path, json=body)) for path, body in asked]
            while len(await asyncio.to_thread(session.runs)) < WAITING:
                await asyncio.sleep(0.02)
            # nothing is made before all of this was answered, though every call is still waiting
            jobs = (await client.get("/api/jobs", params={"most": 1000})).json()
            waits = [job for job in jobs if job["place"] not in (None, 0) and job["seed"] < WAITING]
            assert (await client.delete(f"/api/jobs/{waits[0]['id']}")).status_code == 204
            assert (await client.get("/sdapi/v1/progress")).json()["state"]["job"]
            assert not any(post.done() for post in posts if post is not posts[waits[0]["seed"]])
            executor.go.set()
            return waits[0]["seed"], await asyncio.gather(*posts)

    with served(tmp_path, executor) as (session, url):
        cancelled, answers = asyncio.run(calls(session, url))
    assert [answer.status_code for answer in answers] == [500 if n == cancelled else 200 for n in range(WAITING)]
    seeds = [json.loads(answer.json()["info"])["seed"] for n, answer in enumerate(answers) if n not in (1, cancelled)]
    assert seeds == [n for n in range(WAITING) if n not in (1, cancelled)]
    assert len(answers[1].json()["data"]) == 1 or cancelled == 1


def test_a_job_goes_on_where_its_client_leaves(tmp_path):
    executor = Held()
    with served(tmp_path, executor) as (session, url):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/sdapi/v1/txt2img", json=SMALL, timeout=0.5)
        while not session.runs():
            threading.Event().wait(0.01)
        executor.go.set()
        assert len(session.runs()[0].wait(60)) == 1


def test_while_the_queue_takes_nothing_the_answer_is_503_with_the_reason_and_reads_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(queue_file, "_PATIENCE", 0.05)
    monkeypatch.setattr(worker, "_RETRY", 0.01)
    executor = Held()
    asked = {"workflow": "text-to-image", "values": {"prompt": "a star"}}
    with served(tmp_path, executor) as (session, url), httpx.Client(base_url=url, timeout=60) as client:
        run = client.post("/api/jobs", json=asked).json()
        with closing(sqlite3.connect(tmp_path / "state" / "queue.sqlite", isolation_level=None)) as other:
            while session.find(run["id"]).state != "running":
                threading.Event().wait(0.01)
            other.execute("BEGIN IMMEDIATE")
            for path in ("/api/jobs", "/sdapi/v1/txt2img", "/v1/images/generations"):
                answer = client.post(path, json=asked if path == "/api/jobs" else {"prompt": "a star"})
                assert answer.status_code == 503
                assert "another program holds it" in answer.text
            executor.go.set()  # what is made now cannot be noted
            with client.stream("GET", f"/api/jobs/{run['id']}/events") as stream:
                lines = iter(stream.iter_lines())
                assert "event: stalled" in lines
                told = json.loads(next(lines).removeprefix("data: "))
                (job,) = client.get("/api/jobs").json()
                assert "another program" in told["text"] == job["problem"] == told["problem"]
                other.execute("ROLLBACK")
                assert "event: done" in lines
        assert len(session.find(run["id"]).pictures) == 1


def test_a_job_of_another_version_is_listed_and_the_next_ones_are_made(tmp_path):
    executor = Held()
    with served(tmp_path, executor) as (session, url), httpx.Client(base_url=url, timeout=60) as client:
        first, foreign, last = (
            client.post("/api/jobs", json={"workflow": "text-to-image", "values": {"prompt": "x"}}).json()["id"]
            for _ in range(3)
        )
        with closing(sqlite3.connect(tmp_path / "state" / "queue.sqlite")) as other, other:
            changed = "UPDATE runs SET job = json_set(job, '$.camera', 'analogue') WHERE id = ?"
            other.execute(changed, (foreign,))
        assert {job["id"]: job["title"] for job in client.get("/api/jobs").json()}[
            foreign
        ] == "A job of another version"
        executor.go.set()
        assert session.find(last).wait(60)
        job = client.get(f"/api/jobs/{foreign}").json()
        assert job["state"] == "unreadable"
        assert "camera" in job["problem"]
        with client.stream("GET", f"/api/jobs/{foreign}/events") as stream:
            assert "event: failed" in list(stream.iter_lines())
        assert client.post(f"/api/jobs/{foreign}/retry").status_code == 422
        assert client.post(f"/api/jobs/{foreign}/move", json={"to": 0}).status_code == 204
        assert client.delete(f"/api/jobs/{foreign}").status_code == 204
        assert [one["id"] for one in client.get("/api/jobs").json()] == [last, foreign, first]


def test_looking_a_table_through_ends_when_its_client_leaves(tmp_path, monkeypatch):
    seen, real, go = [], uploads.named_here, threading.Event()

    def slow(*given):
        seen.append(given)
        assert go.wait(60)
        return real(*given)

    monkeypatch.setattr(uploads, "named_here", slow)
    rows = "prompt\n" + "a star\n" * 20_000
    asked = {"workflow": "text-to-image", "file": "t.csv", "table": base64.b64encode(rows.encode()).decode()}
    with served(tmp_path, Held()) as (_, url), httpx.Client(base_url=url) as client:
        for _ in range(3):  # more than are looked through at once
            with pytest.raises(httpx.ReadTimeout):
                client.post("/api/batches/preview", json=asked, timeout=0.5)
        go.set()
        small = {**asked, "table": base64.b64encode(b"prompt\nlast\n").decode()}
        assert client.post("/api/batches/preview", json=small, timeout=60).json()["total_rows"] == 1
        assert len(seen) < 20_000  # none was looked through to its end
