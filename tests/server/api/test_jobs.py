"""The studio's own API, over a real socket."""

import base64
import json

import pytest

from tests.server.foreign import picture


def lines(answer):
    """(event, data) pairs of a stream."""
    name = None
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def test_workflows_come_with_a_schema_of_their_form(server):
    listed = server.client.get("/api/workflows").json()
    assert "text-to-image" in [one["name"] for one in listed]
    one = server.client.get("/api/workflows/text-to-image").json()
    whole, open_ = one["schema"]["properties"]["steps"]["anyOf"]
    assert whole["maximum"] == 150
    assert open_ == {"type": "null"}
    assert "prompt" in one["schema"]["required"]


def test_a_job_is_queued_followed_and_its_picture_fetched(server):
    job = server.job(seed=7)
    with server.client.stream("GET", f"/api/jobs/{job}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        heard = list(lines(answer))
    names = [name for name, _ in heard]
    assert {"step", "preview", "made"} <= set(names)
    assert names[-1] == "done"
    assert next(data for name, data in heard if name == "step")["text"].startswith("Step ")
    picture = next(data for name, data in heard if name == "made")["picture"]
    answer = server.client.get(picture["url"])
    assert answer.content == (server.output / picture["name"]).read_bytes()
    assert server.client.get(f"/api/jobs/{job}").json()["pictures"] == [picture]


def test_small_copies_are_jpeg_and_no_larger_than_asked(server):
    path = server.picture()
    answer = server.client.get(f"/api/pictures/{path.name}", params={"edge": 64})
    assert answer.headers["content-type"] == "image/jpeg"
    assert len(answer.content) < path.stat().st_size


def test_events_after_the_end_say_how_it_ended(server):
    job = server.job()
    server.session.find(job).wait(120)
    with server.client.stream("GET", f"/api/jobs/{job}/events") as answer:
        assert [name for name, _ in lines(answer)] == ["done"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"prompt": "x", "steps": 0}, "steps"),
        ({"prompt": "x", "steps": "many"}, "steps"),
        ({}, "prompt"),
        ({"prompt": "x", "stepz": 3}, "stepz"),
        ({"prompt": "x", "size": "huge"}, "size"),
        ({"prompt": "x", "model": "/etc"}, "model"),
        ({"prompt": "x", "model": "../spark"}, "model"),
    ],
)
def test_a_wrong_value_is_a_problem_document_that_names_the_field(server, values, field):
    answer = server.client.post("/api/jobs", json={"workflow": "text-to-image", "values": values})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/api/jobs/nope", "/api/workflows/nope", "/api/jobs/nope/events", "/api/pictures/nope.png", "/nope"]
)
def test_what_is_not_there_is_a_problem_of_404(server, path):
    assert server.client.get(path).status_code == 404


def test_a_workflow_file_of_the_machine_is_not_a_workflow_here(server, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("title: x\ninputs: {}\nsteps: {a: {use: generate, prompt: x}}\n")
    assert server.client.post("/api/jobs", json={"workflow": str(path)}).status_code == 422
    assert server.client.post("/api/jobs", json={"values": {}}).json()["field"] == "workflow"


def test_a_waiting_job_is_moved_and_taken_out_and_the_others_are_left_alone(server):
    first = server.job(count=50)
    second, third = server.job(), server.job()
    server.client.post(f"/api/jobs/{third}/move", json={"to": 0})
    places = {one["id"]: one["place"] for one in server.client.get("/api/jobs").json()}
    assert places[third] < places[second]
    assert server.client.delete(f"/api/jobs/{second}").status_code == 204
    server.client.delete(f"/api/jobs/{first}")
    assert server.session.find(third).wait(120)
    states = {one["id"]: one["state"] for one in server.client.get("/api/jobs").json()}
    assert (states[first], states[second], states[third]) == ("cancelled", "cancelled", "done")
    assert server.client.post(f"/api/jobs/{second}/retry").json()["id"] == second
    assert server.session.find(second).wait(120)


def test_a_start_picture_comes_as_data_or_as_the_id_of_one_made_here(server):
    path = server.picture()
    data = base64.b64encode(path.read_bytes()).decode()
    for image in (path.name, data, f"data:image/png;base64,{data}"):
        job = server.job("image-to-image", image=image, strength=1)
        assert server.session.find(job).wait(120)
        used = server.client.get(f"/api/jobs/{job}").json()["values"]["image"]
        assert server.client.get(f"/api/pictures/{used}").content == path.read_bytes()


@pytest.mark.parametrize(
    "image",
    ["/etc/passwd", "../state/queue.sqlite", "~/x.png", "file:///etc/passwd", "http://127.0.0.1/x.png", "inputs", 7],
)
def test_a_start_picture_is_never_a_path_of_the_machine(server, image):
    values = {"image": image, "prompt": "x"}
    answer = server.client.post("/api/jobs", json={"workflow": "image-to-image", "values": values})
    assert answer.status_code == 422
    assert answer.json()["field"] == "image"


def test_what_is_no_picture_is_not_kept(server):
    before = set(server.output.rglob("*"))
    values = {"image": base64.b64encode(b"\x89PNG\r\n\x1a\n not really").decode(), "prompt": "x"}
    answer = server.client.post("/api/jobs", json={"workflow": "image-to-image", "values": values})
    assert answer.json()["field"] == "image"
    assert {path for path in set(server.output.rglob("*")) - before if path.is_file()} == set()


def test_a_picture_gives_back_the_settings_that_made_it(server, tmp_path):
    path = server.picture(prompt="a blue star on cream", seed=11, guidance=3)
    recipe = server.client.post("/api/recipes", json={"picture": base64.b64encode(path.read_bytes()).decode()}).json()
    assert recipe["workflow"] == "text-to-image"
    assert (
        recipe["values"] | {"prompt": "a blue star on cream", "seed": 11, "guidance": 3, "count": 1} == recipe["values"]
    )
    from PIL import Image

    Image.new("RGB", (8, 8)).save(foreign := tmp_path / "foreign.png")
    answer = server.client.post("/api/recipes", json={"picture": base64.b64encode(foreign.read_bytes()).decode()})
    assert answer.status_code == 422
    assert answer.json()["field"] == "picture"
    assert answer.json()["detail"] == "this file has no settings that the studio can read"


def test_a_picture_of_another_tool_gives_settings_that_a_job_takes(server, tmp_path):
    path = picture(tmp_path / "x.png")
    recipe = server.client.post("/api/recipes", json={"picture": base64.b64encode(path.read_bytes()).decode()}).json()
    assert (recipe["tool"], recipe["workflow"], recipe["values"]["seed"]) == ("A1111 v1.6.0", "text-to-image", 77)
    assert [one["name"] for one in recipe["missing"]] == ["dream", "gone"]
    assert {one["name"] for one in recipe["left"]} == {"RNG", "ENSD"}
    assert (recipe["asks"], recipe["values"]["model"]) == (["model"], None)
    refused = server.client.post("/api/jobs", json={"workflow": recipe["workflow"], "values": recipe["values"]})
    assert (refused.status_code, refused.json()["field"]) == (422, "model")
    values = {**recipe["values"], "model": "spark"}
    job = server.client.post("/api/jobs", json={"workflow": recipe["workflow"], "values": values})
    assert job.status_code == 201
    server.client.delete(f"/api/jobs/{job.json()['id']}")


def test_the_page_about_the_api_lists_every_route_and_needs_no_other_machine(server):
    text = server.client.get("/api").text
    for path in server.client.get("/api/openapi.json").json()["paths"]:
        assert path in text
    assert "http" not in text.replace(server.url, "")


def test_a_job_says_what_its_inputs_are_called(server):
    asked = {"workflow": "icon-set", "values": {"subject": ["star"], "colour": ["navy"], "steps": 1}}
    job = server.client.post("/api/jobs", json=asked).json()
    assert job["labels"]["colour"] == "Palette"
    server.client.delete(f"/api/jobs/{job['id']}")
