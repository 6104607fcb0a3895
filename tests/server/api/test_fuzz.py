"""The fuzz in its short form, on the server of these tests; ``python -m tests.torture fuzz`` is the long one."""

import pytest

from studio.server.api.problems import AsciiJSONResponse
from tests.torture import fuzz
from tests.torture.figures import Figures


def test_a_server_answers_requests_that_it_was_not_made_for(server, capfd):
    figures = Figures()
    fuzz.bombard(figures, server.port, server.token, tasks=100, seed=3)
    server.calm()
    said = capfd.readouterr()
    assert fuzz.tracebacks(said.err) == []
    # seconds say little on a busy machine
    assert [name for name in figures.broken if "after" not in name and "slowest" not in name] == [], said.out


def test_the_log_is_read_for_what_went_wrong_where():
    log = (
        "INFO: x\nTraceback (most recent call last):\n  File \"/lib/y.py\", line 1, in y\n    y()\n"
        "  File \"/x/studio/a.py\", line 7, in b\n    raise ValueError(1)\nValueError: 1\nINFO: z\n"
    )  # fmt: skip
    assert fuzz.tracebacks(log * 2) == ['2 times File "/x/studio/a.py", line 7, in b: ValueError: 1']


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"a": "ü\udcff"}, b'{"a":"\\u00fc\\udcff"}'),
        ([1.5, float("nan"), {"x": [float("-inf")]}], b'[1.5,null,{"x":[null]}]'),
    ],
)
def test_an_answer_can_hold_any_text_and_number(content, body):
    assert AsciiJSONResponse(content).body == body


def test_a_name_that_is_not_unicode_is_refused_like_any_other(server):
    answer = server.client.post(
        "/api/jobs", content=b'{"workflow": "\\udcff"}', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert "\\udcff" in answer.text


@pytest.mark.parametrize("settings", ["x", [1], 7])
def test_a1111s_settings_must_be_named(server, settings):
    answer = server.client.post("/sdapi/v1/txt2img", json={"prompt": "x", "override_settings": settings})
    assert (answer.status_code, answer.json()["field"]) == (422, "override_settings")
