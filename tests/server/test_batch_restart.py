"""Batches outlive a server that is killed."""

import base64
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx

from studio.pictures import fast_record


@contextmanager
def started(home):
    """``studio app`` in a process of its own, and a client that has its token."""
    settings = {
        "STUDIO_OUTPUT": str(home / "pictures"),
        "STUDIO_STATE": str(home / "state"),
        "STUDIO_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "studio", "app", "--no-open", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **settings})
    try:
        url, _, token = process.stdout.readline().split()[-1].partition("/?token=")
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=120) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()


def begun(client, name, pictures):
    table = "prompt\n" + "".join(f"star {n} of {name}\n" for n in range(pictures))
    values = {"steps": 3, "size": "128x128"}
    data = base64.b64encode(table.encode()).decode()
    body = {"workflow": "text-to-image", "table": data, "file": "stars.csv", "name": name, "values": values}
    answer = client.post("/api/batches", json=body)
    assert answer.status_code == 201, answer.text


def until(client, name, holds):
    """The batch, once it is as it should be."""
    ends = time.monotonic() + 240
    while not holds(found := client.get(f"/api/batches/{name}").json()):
        assert time.monotonic() < ends, found
        time.sleep(0.05)
    return found


def files(home, name):
    return {path: path.read_bytes() for path in (home / "pictures" / "batches" / name).glob("*.png")}


def test_what_ran_can_be_resumed_what_waited_goes_on_and_nothing_is_made_twice(tmp_path):
    with started(tmp_path) as (process, client):
        begun(client, "first", 20)
        begun(client, "second", 2)
        assert until(client, "second", lambda one: True)["state"] == "waiting"
        until(client, "first", lambda one: one["made"] >= 2)
        process.kill()
        process.wait()
    there = files(tmp_path, "first")
    assert 2 <= len(there) < 20
    with started(tmp_path) as (_, client):
        assert {one["name"] for one in client.get("/api/batches").json()} == {"first", "second"}
        assert until(client, "second", lambda one: one["state"] == "done")["made"] == 2
        first = client.get("/api/batches/first").json()
        assert (first["state"], first["problem"], first["made"] + first["left"]) == ("stopped", "", 20)
        assert files(tmp_path, "first") == there
        assert client.post("/api/batches/first/go").json()["state"] in ("waiting", "running")
        first = until(client, "first", lambda one: one["state"] == "done")
        assert (first["made"], first["failed"], first["left"]) == (20, 0, 0)
    made = files(tmp_path, "first")
    assert len(made) == len({fast_record.key(path) for path in made}) == 20
    assert there.items() <= made.items()
