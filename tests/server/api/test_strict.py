"""A body of JSON is read within limits before anything is made, at every address that takes one."""

import json

import pytest
from fastapi.routing import APIRoute

from studio.server.api import a1111, a1111_lists, a1111_settings, batches, docs, gallery, jobs, loras, openai
from studio.server.api import openai_edits as edits
from studio.server.api.strict import StrictRoute

PARTS = (a1111, a1111_lists, a1111_settings, batches, docs, gallery, jobs, loras, openai, edits)
DEEP = '{"a":' * 300 + "1" + "}" * 300


def _post(server, path, body):
    return server.client.post(path, content=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("/sdapi/v1/txt2img", f'{{"prompt": "x", "of_my_own": {DEEP}}}', "nested over 100 deep"),
        ("/sdapi/v1/txt2img", f'{{"prompt": "x", "alwayson_scripts": {DEEP}}}', "nested over 100 deep"),
        ("/sdapi/v1/options", f'{{"samples_format": {DEEP}}}', "nested over 100 deep"),
        ("/v1/images/generations", f'{{"prompt": "x", "user": {DEEP}}}', "nested over 100 deep"),
        ("/api/jobs", f'{{"workflow": "text-to-image", "values": {DEEP}}}', "nested over 100 deep"),
        ("/api/jobs", f'{{"workflow": "text-to-image", "values": {{"seed": {"9" * 5000}}}}}', "5,000 digits"),
        ("/api/jobs", '{"workflow": "a", "workflow": "b"}', "there twice"),
        ("/api/jobs", '{"workflow": "a"', "line 1 column"),
        ("/api/jobs", b"\xff\xfe\x00", "utf-8"),
    ],
)
def test_a_body_beyond_the_limits_is_refused_with_the_reason(server, path, body, why):
    before = len(server.session.statuses())
    answer = _post(server, path, body)
    assert answer.status_code == 422
    assert why in answer.text
    assert len(server.session.statuses()) == before


def test_what_is_nested_within_the_limits_is_told_again(server):
    deep = json.loads('{"a":' * 90 + "1" + "}" * 90)
    asked = {"prompt": "x", "steps": 1, "width": 64, "height": 64, "of_my_own": deep}
    answer = server.client.post("/sdapi/v1/txt2img", json=asked)
    assert answer.status_code == 200
    assert answer.json()["parameters"]["of_my_own"] == deep


def test_every_address_that_takes_json_reads_it_so():
    taking = [route for part in PARTS for route in part.router.routes if isinstance(route, APIRoute)]
    uploads = {"/v1/images/edits", "/v1/images/variations"}
    loose = {route.path for route in taking if route.body_field and not isinstance(route, StrictRoute)}
    assert loose <= uploads
    assert any(isinstance(route, StrictRoute) for route in taking)
