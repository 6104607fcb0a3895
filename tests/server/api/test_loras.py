"""LoRAs over HTTP: what is told of them, and that only names come in."""

import os
import shutil
from io import BytesIO

import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("parts")


def test_they_are_listed_for_a_model_with_their_previews(server):
    shown = server.client.get("/api/loras", params={"model": "spark"}).json()
    assert [(one["name"], bool(one["problem"])) for one in shown] == [
        ("neon", False), ("styles/paper", False), ("xl", True),
    ]  # fmt: skip
    assert [one["preview"] is None for one in shown] == [False, True, True]
    assert Image.open(BytesIO(server.client.get(shown[0]["preview"]).content)).size == (64, 64)
    assert server.client.get("/api/loras", params={"model": "/etc"}).status_code == 422


def test_one_whose_name_is_no_text_takes_none_of_the_others_down(server, folder_of_parts):
    odd = folder_of_parts / os.fsdecode(b"f\xfcr.safetensors")
    shutil.copyfile(folder_of_parts / "neon.safetensors", odd)
    try:
        answer = server.client.get("/api/loras", params={"model": "spark"})
    finally:
        odd.unlink()
    assert [one["name"] for one in answer.json()] == ["neon", "styles/paper", "xl"]


def test_halves_of_letters_in_what_is_asked_are_answered(server):
    for body in (b'{"workflow": "\\ud800"}', b'{"workflow": "text-to-image", "values": {"\\ud800": "\\udc00"}}'):
        answer = server.client.post("/api/jobs", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422, answer.text
        assert "\ud800" in answer.json()["detail"]


def test_a_preview_is_only_that_of_a_lora_here(server, folder_of_parts):
    for name in ("paper", "styles/paper", "neon.preview.png", f"{folder_of_parts}/neon", "../neon", "%2e%2e%2fneon"):
        assert server.client.get(f"/api/loras/{name}/preview").status_code == 404, name


def test_a_job_names_them_in_its_values_and_in_its_prompt(server):
    run = server.session.find(server.job(prompt="a star <lora:paper:0.5>", loras=["neon:.80"]))
    run.cancel()
    assert run.job.values["loras"] == ["neon:0.8"]
    assert {"lora:neon", "lora:paper"} <= set(run.job.pins)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("loras", ["FOLDER/neon:1"]),
        ("loras", "neon,FOLDER/neon.safetensors:1"),
        ("loras", ["../neon"]),
        ("prompt", "a star <lora:FOLDER/neon:1>"),
        ("prompt", "a star <lora:{FOLDER/neon|neon}:1>"),
        ("loras", [7]),
        ("loras", {"neon": 1}),
        ("loras", ["neon"] * 11),
        ("loras", ["neon:much"]),
    ],
)
def test_a_path_or_nonsense_is_refused_and_named(server, folder_of_parts, name, written):
    def placed(text):
        return text.replace("FOLDER", str(folder_of_parts)) if isinstance(text, str) else text

    given = [placed(one) for one in written] if isinstance(written, list) else placed(written)
    asked = {"workflow": "text-to-image", "values": {"prompt": "a star", name: given}}
    answer = server.client.post("/api/jobs", json=asked)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == name


def test_a_grid_opens_no_file_either(server, folder_of_parts):
    axis = f"loras=neon:0.4,{folder_of_parts}/neon.safetensors:0.8"
    answer = server.client.post("/api/jobs", json={"workflow": "grid", "values": {"prompt": "a star", "x": axis}})
    assert answer.status_code == 422
    assert "no LoRA" in answer.json()["detail"]


def test_scripts_for_a1111_find_them(server):
    assert [one["name"] for one in server.client.get("/sdapi/v1/loras").json()] == ["neon", "styles/paper", "xl"]
