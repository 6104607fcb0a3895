"""The command line as a person meets it: words in, lines and exit codes out."""

import json
import signal
import subprocess
import sys
import time

import pytest

from studio.surfaces.cli import main

RUN = ["run", "text-to-image", "--prompt", "a red circle on white", "--steps", "2", "--seed", "7"]


@pytest.fixture
def studio(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*tokens):
        with pytest.raises(SystemExit) as ended:
            main(list(tokens))
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


def test_one_path_a_line_on_stdout_and_progress_on_stderr(studio, tmp_path):
    code, out, err = studio(*RUN, "--count", "2", "--out", "here")
    assert (code, out) == (0, "here/text-to-image-7-1.png\nhere/text-to-image-8-2.png\n")
    assert "picture 2 of 2, step 2 of 2" in err
    assert len(list((tmp_path / "here").iterdir())) == 2


def test_json_is_the_whole_record(studio):
    code, out, _ = studio(*RUN, "--json", "--name", "{prompt}")
    record = json.loads(out)
    assert code == 0
    assert record["path"] == "pictures/a-red-circle-on-white.png"
    assert record["job"]["seed"] == 7


def test_a_picture_is_repeated_and_can_be_varied(studio, tmp_path):
    studio(*RUN)
    code, out, _ = studio("run", "pictures/text-to-image-7-1.png")
    assert (code, out) == (0, "pictures/text-to-image-7-1-2.png\n")
    code, out, _ = studio("run", "pictures/text-to-image-7-1.png", "--seed", "9", "--json")
    assert json.loads(out)["job"]["seed"] == 9


def test_a_workflow_file_runs(studio, tmp_path):
    (tmp_path / "mine.yaml").write_text("title: M\ninputs: {what: d.prompt}\nsteps: {d: {use: generate, steps: 2}}")
    code, out, _ = studio("run", "mine.yaml", "--what", "a star", "--seed", "1")
    assert (code, out) == (0, "pictures/mine-1-1.png\n")


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["run", "nope"], "there is no workflow 'nope'"),
        (["run", "text-to-image"], "'prompt' is needed"),
        ([*RUN, "--stpes", "3"], "did you mean '--steps'?"),
        (["run", "text-to-image", "--prompt", "x", "--steps", "0"], "steps: input should be greater than"),
        ([*RUN, "--model", "sprak"], "did you mean 'spark'?"),
        ([*RUN, "--sampler", "Eulr"], "sampler:"),
        ([*RUN, "--size", "10x10"], "multiple of 8"),
        ([*RUN, "--name", "../x"], "cannot name a file"),
        ([*RUN, "stray"], "'stray' follows no flag"),
        ([*RUN, "--guidance"], "--guidance requires an argument"),
        (["run", "none.png"], "there is no file 'none.png'"),
        (["run", "none.yaml"], "cannot read the workflow"),
        (["run", "bad.png"], "is not a picture"),
        (["run", "image-to-image", "--prompt", "x", "--image", "bad.png"], "image: 'bad.png' is not a picture"),
        (["run", "wide.yaml"], "wider than the step allows"),
        (["run", "step.yaml"], "there is no step 'pant'"),
        (["shwo"], "shwo"),
        (["show"], "requires an argument"),
        (["show", "nope"], "there is no workflow 'nope'"),
    ],
)
def test_wrong_use_is_one_line_exit_2_and_nothing_written(studio, tmp_path, tokens, message):
    (tmp_path / "bad.png").write_text("no")
    (tmp_path / "wide.yaml").write_text(
        "title: W\ninputs: {s: {of: d.steps, le: 999}}\nsteps: {d: {use: generate, prompt: x}}"
    )
    (tmp_path / "step.yaml").write_text("title: W\ninputs: {}\nsteps: {d: {use: pant}}")
    code, out, err = studio(*tokens)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["bad.png", "step.yaml", "wide.yaml"]


def test_a_folder_that_cannot_be_written_is_exit_1(studio, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = studio(*RUN, "--out", "file/x")
    assert (code, out) == (1, "")
    assert "cannot write to 'file/x'" in err


def test_workflows_and_show_say_what_there_is(studio):
    assert "text-to-image" in studio("workflows")[1]
    shown = studio("show", "image-to-image")[1]
    assert "strength" in shown
    assert "(0.01 to 1, default 0.7)" in shown


def test_help_of_a_run_lists_the_workflows_inputs(studio):
    code, out, _ = studio("run", "text-to-image", "--help")
    assert code == 0
    assert "--negative-prompt" in out


def test_doctor_looks_at_everything(studio):
    code, out, _ = studio("doctor")
    assert code == 0, out
    for word in ("python", "torch", "device", "memory", "torchvision", "network", "spark"):
        assert word in out


def hear_ctrl_c():
    """A shell starts what runs in its background deaf to Ctrl+C; the tests may themselves run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_stops_within_a_step_and_says_what_was_finished(tmp_path):
    command = [sys.executable, "-m", "studio", *RUN[:-4], "--steps", "20", "--count", "50", "--seed", "7"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509
    ) as process:
        assert process.stdout and process.stdout.readline().endswith("-1.png\n")
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    finished = 1 + len(out.splitlines())
    assert f"stopped; {finished} of 50 pictures were finished" in err
    assert "Traceback" not in err
    assert len(list((tmp_path / "pictures").iterdir())) == finished
    assert time.monotonic() - asked < 10
