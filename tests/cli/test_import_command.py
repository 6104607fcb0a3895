"""``studio import`` and ``studio run`` on what other tools made."""

import json

import pytest
import yaml

from studio.cli import app
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow
from tests import here
from tests.server.foreign import PLAIN, TEXT, picture


@pytest.fixture
def studio(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            app.main([str(one) for one in arguments])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_a_job_is_written_and_all_else_is_named(studio, tmp_path):
    spark = ("--set", "model=spark")
    code, out, err = studio("import", picture(tmp_path / "x.png"), "--out", tmp_path / "jobs", *spark)
    assert (code, err) == (0, "")
    job = Job.from_json((tmp_path / "jobs" / "x.job.json").read_text())
    assert (job.seed, job.values["prompt"], job.values["sampler"]) == (77, "three green leaves", "Euler a")
    for words in ("A1111 v1.6.0", "model dream (879db523c3)", "LoRA gone (0123456789ab)", "ENSD 31337", "RNG GPU"):
        assert words in out
    assert studio("import", tmp_path / "x.png", "--out", tmp_path / "jobs", *spark)[0] == 0
    assert (tmp_path / "jobs" / "x-2.job.json").is_file()
    code, out, _ = studio("import", tmp_path / "x.png", "--out", tmp_path / "none")
    assert "no job was written: 'model' is required" in out
    assert not (tmp_path / "none").exists()


def test_json_and_other_values(studio, tmp_path):
    code, out, _ = studio("import", picture(tmp_path / "x.png"), "--out", tmp_path, "--json", "--set", "steps=2",
                          "--set", "model=spark")  # fmt: skip
    found = json.loads(out)
    assert code == 0
    assert Job.from_json((tmp_path / "x.job.json").read_text()).values["steps"] == 2
    assert found["files"] == [str(tmp_path / "x.job.json")]
    assert [(one["kind"], one["name"], one["hashes"]) for one in found["missing"]] == [
        ("model", "dream", ["879db523c3"]), ("lora", "gone", ["0123456789ab"]),
    ]  # fmt: skip
    assert {one["name"] for one in found["left"]} == {"RNG", "ENSD"}
    assert found["asks"] == ["model"]


def test_a_job_that_needs_more_is_not_written(studio, tmp_path):
    path = picture(tmp_path / "x.png", f"{PLAIN}, Denoising strength: 0.5")
    code, out, _ = studio("import", path, "--out", tmp_path, "--set", "model=spark")
    assert code == 0
    assert "no job was written: 'image' is required" in out
    code, out, _ = studio("import", path, "--out", tmp_path, "--set", f"image={path}", "--set", "model=spark")
    assert Job.from_json((tmp_path / "x.job.json").read_text()).workflow == "image-to-image"


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("none.png", [], "there is no file"),
        ("plain.txt", [], "has no settings"),
        ("own.job.json", [], "needs no import; use: studio run"),
        ("x.png", ["--set", "model=spark", "--set", "steps=900"], "steps:"),
        ("x.png", ["--set", "model=spark", "--set", "joy=1"], "joy"),
        ("large.png", [], "is not a picture that can be read"),
    ],
)
def test_what_is_wrong_is_one_line(studio, tmp_path, pictures, name, settings, says):
    picture(tmp_path / "x.png", PLAIN)
    (tmp_path / "plain.txt").write_text("a photo of a cat")
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "own.job.json").write_text(pictures[0].job.model_dump_json())
    code, out, err = studio("import", tmp_path / name, "--out", tmp_path, *settings)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_run_draws_with_the_settings_of_another_tool(studio, tmp_path):
    path = picture(tmp_path / "x.png", PLAIN)
    small = ("--size", "64x64", "--steps", "1", "--out", tmp_path / "out")
    code, _, err = studio("run", path, *small)
    assert (code, err.count("\n")) == (2, 1)
    assert "does not say which model it was made with; give --model" in err
    code, _, err = studio("run", path, *small, "--model", "spark")
    assert code == 0
    assert "with the settings of A1111" in err
    assert len(list((tmp_path / "out").glob("*77*.png"))) == 1


def test_run_does_not_draw_with_another_model_unasked(studio, tmp_path):
    path = picture(tmp_path / "x.png", TEXT)
    code, _, err = studio("run", path)
    assert (code, err.count("\n")) == (2, 1)
    assert "the model dream (879db523c3): it is not here" in err
    assert "give --model" in err
    assert "the LoRA gone" in studio("run", path, "--model", "spark")[2]


def test_run_takes_a_job_file(studio, tmp_path, pictures):
    (tmp_path / "x.job.json").write_text(pictures[0].job.model_dump_json())
    assert studio("run", tmp_path / "x.job.json", "--out", tmp_path / "out")[0] == 0
    (again,) = (tmp_path / "out").glob("*.png")
    assert again.read_bytes()[-100:] == pictures[0].path.read_bytes()[-100:]


def test_a_workflow_that_came_along_is_a_file_that_runs(tmp_path):
    from studio.cli.importing import _as_yaml
    from studio.imports.imported_settings import ImportedSettings
    from studio.imports.importing import import_settings

    steps = {"draw": {"use": "generate", "negative_prompt": "no: yes, 1e3 # \u661f", "clip_skip": 2}}
    definition = {"title": "off", "inputs": {"prompt": {"of": "draw.prompt", "default": "yes"}}, "steps": steps}
    found = import_settings(ImportedSettings("ComfyUI", definition=definition), here.library())
    (tmp_path / "x.yaml").write_text(_as_yaml(found.definition), "utf-8")
    assert dict(Workflow.load(tmp_path / "x.yaml").data) == definition == yaml.safe_load(_as_yaml(definition))
