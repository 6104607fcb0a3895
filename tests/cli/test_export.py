"""``studio export``, as it is typed."""

import json

import pytest

from studio.cli.app import main
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow


def typed(capsys, *tokens):
    with pytest.raises(SystemExit) as ended:
        main(["export", *map(str, tokens)])
    return ended.value.code, *capsys.readouterr()


def test_a_picture_becomes_a_graph(pictures, capsys):
    code, out, err = typed(capsys, pictures[0].path, "--to", "comfyui")
    kinds = [node["class_type"] for node in json.loads(out).values()]
    assert (code, kinds[-1]) == (0, "SaveImage")
    assert "spark.safetensors" in err


def test_a_job_becomes_a_graph(tmp_path, capsys):
    job = Job.of(Workflow.load("text-to-image"), {"prompt": "ein Stern für Ü", "seed": 3})
    (tmp_path / "job.json").write_text(job.model_dump_json(), "utf-8")
    code, out, _ = typed(capsys, tmp_path / "job.json", "--to", "comfyui")
    assert code == 0
    assert "ein Stern für Ü" in out


@pytest.mark.parametrize(
    ("name", "content"), [("x.json", b"{}"), ("x.json", b"\xff"), ("no.json", None), ("x.png", b"")]
)
def test_what_is_no_job_is_refused_in_one_line(tmp_path, capsys, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, out, err = typed(capsys, tmp_path / name, "--to", "comfyui")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_another_tool_is_refused(pictures, capsys):
    code, _, err = typed(capsys, pictures[0].path, "--to", "paint")
    assert (code, "comfyui" in err) == (2, True)
