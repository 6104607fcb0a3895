"""The command line as a person meets it: words in, lines and exit codes out."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from studio.cli.app import main

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


IMAGE, MASK = ("--image", "red.png"), ("--mask", "mask.png")
TINY = ("--size", "64x64", "--steps", "2")


@pytest.mark.parametrize(
    ("name", "flags", "made"),
    [
        ("inpaint", (*IMAGE, *MASK, "--prompt", "a star", "--steps", "2"), {"inpaint-7-1": (64, 64)}),
        ("outpaint", (*IMAGE, "--prompt", "x", "--left", "8", "--right", "0", "--steps", "4"),
         {"outpaint-7-1": (72, 64)}),
        ("variations", (*IMAGE, "--prompt", "x", "--amount", "strong", "--steps", "4"), {"variations-7-1": (256, 256)}),
        ("upscale", (*IMAGE, "--factor", "4"), {"upscale-7-1": (256, 256)}),
        ("grid", ("--prompt", "x", "--x", "steps=1,2", "--y", "", "--settings", "size=64x64", "--no-labels"),
         {"grid-7-1": (164, 88)}),
        ("icon-set", ("--subject", "heart, star", "--colour", "teal", *TINY),
         {"icon-set-heart-teal-7-1": (64, 64), "icon-set-star-teal-7-2": (64, 64)}),
        ("seamless-pattern", ("--prompt", "dots", "--joins", "left and right", *TINY),
         {"seamless-pattern-7-1": (64, 64)}),
        ("gradient-background", ("--from-colour", "red", "--size", "99x70", "--steps", "2"),
         {"gradient-background-7-1": (99, 70)}),
        ("social-set", ("--prompt", "x", "--size", "80x64, 65x130", "--no-crisp", "--steps", "2"),
         {"social-set-80x64-7-1": (80, 64), "social-set-65x130-7-2": (65, 130)}),
    ],
)  # fmt: skip
def test_every_workflow_runs_from_flags_and_is_repeated(studio, tmp_path, name, flags, made):
    Image.new("RGB", (64, 64), "red").save("red.png")
    Image.new("L", (64, 64), "white").save("mask.png")
    code, out, err = studio("run", name, *flags, "--seed", "7")
    assert code == 0, err
    assert {path.stem: Image.open(path).size for path in map(Path, out.splitlines())} == made
    last = Path(out.splitlines()[-1])
    again = Path(studio("run", str(last), "--out", "again")[1].strip())
    assert list(Image.open(again).get_flattened_data()) == list(Image.open(last).get_flattened_data())


def test_a_poster_from_flags(studio, tmp_path):
    Image.new("RGBA", (40, 20), "red").save("logo.png")
    flags = (
        "--title",
        "Harbour",
        "--logo",
        "logo.png",
        "--ink",
        "white",
        "--ground",
        "#000080",
        "--factor",
        "2",
        *TINY,
    )
    code, out, err = studio("run", "poster", "--prompt", "sea with sun", *flags)
    assert code == 0, err
    poster = Image.open(out.strip())
    assert poster.width == 128
    assert poster.getpixel((1, poster.height - 2)) == (0, 0, 128)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["run", "icon-set", "--subject", "x", "--steps", "2, 3"], "steps:"),
        (["run", "icon-set", "--subject", ","], "at least 1 item"),
        (["run", "poster", "--prompt", "x", "--title", "y", "--ink", "nope"], "'nope' is not a colour"),
        (["run", "grid", "--prompt", "x", "--x", "steps"], "'steps' is not an axis"),
        (["run", "grid", "--prompt", "x", "--x", "stpes=1,2"], "did you mean 'steps'?"),
        (["run", "outpaint", "--prompt", "x", "--image", "good.png", "--left", "0", "--right", "0"], "nothing to add"),
        (["run", "upscale", "--image", "good.png", "--factor", "3"], "factor:"),
        (["run", "nope"], "there is no workflow 'nope'"),
        (["run", "text-to-image"], "'prompt' is required"),
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
    Image.new("RGB", (64, 64)).save("good.png")
    (tmp_path / "wide.yaml").write_text(
        "title: W\ninputs: {s: {of: d.steps, le: 999}}\nsteps: {d: {use: generate, prompt: x}}"
    )
    (tmp_path / "step.yaml").write_text("title: W\ninputs: {}\nsteps: {d: {use: pant}}")
    code, out, err = studio(*tokens)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["bad.png", "good.png", "step.yaml", "wide.yaml"]


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
    for word in ("python", "torch", "device", "memory", "torchvision", "network", "models"):
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


def test_the_list_of_commands_imports_none_of_them():
    code = (
        "import sys; from studio.cli.app import _guarded; before = set(sys.modules); _guarded(['--help'])\n"
        "print('LOADED', [name for name in set(sys.modules) - before if name.startswith('studio')])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "LOADED []"


def test_the_help_of_a_command_is_whole(studio):
    code, out, _ = studio("plan", "--help")
    assert code == 0
    assert "Exit code 1 means that it does not fit.\n" in out
