"""The HTTP API for many users, on a real cluster where Ray Serve is installed."""

import json
import time
from pathlib import Path

import httpx
import pytest

from studio.cli.rayserve import deploy

USERS = ("the-first-user-s-token", "the-second-user-s-token")
PORT = 8766


def ask(path, token=USERS[0], data=None, host=None):
    headers = {"Authorization": f"Bearer {token}"} | ({"Host": host} if host else {})
    method = "GET" if data is None else "POST"
    answer = httpx.request(method, f"http://127.0.0.1:{PORT}{path}", json=data, headers=headers, timeout=120)
    return answer.status_code, answer.content


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The API with two workers of a core each."""
    pytest.importorskip("ray.serve", exc_type=ImportError)
    from studio.runtime.executors.ray_client import connected

    with pytest.MonkeyPatch.context() as patch:
        for name in ("STATE", "OUTPUT"):
            patch.setenv(f"STUDIO_{name}", str(tmp_path_factory.mktemp(name.lower())))
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setenv("OMP_NUM_THREADS", "1")
        with connected(None):
            running = deploy(host="127.0.0.1", port=PORT, workers=2, users=USERS, cores=1)
            yield
            running.shutdown()


@pytest.mark.slow
def test_two_users_make_pictures_at_once(served):
    asked = {"workflow": "text-to-image", "values": {"prompt": "a red circle on white", "steps": 4, "count": 2}}
    runs = [json.loads(ask("/api/jobs", user, asked)[1])["id"] for user in USERS]
    seen = set()
    while time.sleep(0.2) is None:
        states = [json.loads(ask(f"/api/jobs/{run}")[1]) for run in runs]
        seen |= {tuple(state["state"] for state in states)}
        if all(state["state"] not in ("queued", "running") for state in states):
            break
    assert ("running", "running") in seen
    assert [(state["state"], len(state["pictures"])) for state in states] == [("done", 2)] * 2
    status, data = ask(states[0]["pictures"][0]["url"])
    assert (status, data[:4]) == (200, b"\x89PNG")


@pytest.mark.slow
def test_its_events_arrive_while_it_runs(served):
    asked = {"workflow": "text-to-image", "values": {"prompt": "a blue star", "steps": 4}}
    run = json.loads(ask("/api/jobs", data=asked)[1])["id"]
    text = ask(f"/api/jobs/{run}/events")[1].decode()
    assert [word in text for word in ("event: step", "event: preview", "event: made", "event: done")] == [True] * 4


@pytest.mark.slow
def test_strangers_are_kept_out(served):
    assert ask("/api/jobs", "wrong")[0] == 401
    assert ask("/api/jobs", host="evil.example")[0] == 403
