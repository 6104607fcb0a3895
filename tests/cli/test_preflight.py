"""What is wrong with the machine is one line, before anything is loaded."""

import io
import json
import sys
from contextlib import redirect_stdout, suppress

import pytest

from studio.cli import doctor, serve
from studio.cli.app import main
from studio.cli.code_page import escape_missing
from studio.cli.preflight import check_state
from studio.cli.terminal import say
from studio.config import Settings, shipped
from studio.files import no_overwrite
from studio.library import Library
from studio.runtime.session import Session
from studio.workflow.job import Job
from tests import disks


@pytest.fixture
def studio(capsys, monkeypatch):
    """Run a command where no model may be loaded; returns its exit code and what it printed, stderr last."""
    monkeypatch.setattr("studio.diffusion.pipelines.Pipelines.get", None)

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words)])
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def blocked(tmp_path):
    """A folder that cannot be made, whoever asks: a file is in its way."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "folder"


@pytest.fixture
def homeless(monkeypatch):
    """A user whom no home folder is known of, as in a container with any user's number."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "STUDIO_STATE", "STUDIO_WILDCARDS", "STUDIO_PARTS"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_):
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)


@pytest.mark.parametrize("setting", ["STUDIO_STATE", "STUDIO_OUTPUT"])
def test_the_app_does_not_start_where_it_cannot_write(setting, blocked, studio, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(setting, str(blocked))
    monkeypatch.setattr(serve, "app", None)
    code, _, err = studio("app", "--no-open")
    assert code == 1
    assert (
        err == f"studio: cannot write to '{blocked}': Not a directory; set {setting} to a folder that can be written\n"
    )


@pytest.mark.parametrize("setting", ["STUDIO_STATE", "STUDIO_OUTPUT"])
def test_no_cluster_is_started_where_the_server_cannot_write(setting, blocked, studio, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(setting, str(blocked))
    monkeypatch.setattr("studio.cli.rayserve.ray_serve", lambda: None)
    monkeypatch.setattr("studio.cli.rayserve.connected", None)
    code, _, err = studio("serve")
    assert code == 1 and err.count("\n") == 1 and setting in err


def test_ray_serve_is_looked_for_before_a_cluster_is_started(studio, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.serve", None)
    monkeypatch.setattr("studio.cli.rayserve.connected", None)
    code, _, err = studio("serve")
    assert (code, err) == (2, "studio: Ray Serve is not installed here; pip install 'studio-diffusion[serve]'\n")


def test_pictures_that_cannot_be_written_are_not_begun(blocked, studio, tmp_path):
    (tmp_path / "table.csv").write_text("prompt\nx\n")
    asked = ("--workflow", "text-to-image", "--out", blocked)
    for words in (
        ("run", "text-to-image", "--prompt", "x", "--out", blocked),
        ("batch", tmp_path / "table.csv", *asked),
    ):
        code, out, err = studio(*words)
        assert (code, out) == (1, "")
        assert err.startswith(f"studio: cannot write to '{blocked}': ") and err.count("\n") == 1


def test_models_are_not_added_where_the_list_cannot_be_written(blocked, studio, monkeypatch):
    monkeypatch.setenv("STUDIO_STATE", str(blocked))
    code, _, err = studio("models", "add", shipped("assets") / "spark", "--name", "another")
    assert code == 1 and "nothing in it was changed: set STUDIO_STATE" in err and err.count("\n") == 1


def test_a_state_that_cannot_be_written_costs_one_line_and_no_picture(blocked, text_to_image, tmp_path, caplog):
    session = Session(Settings(output=tmp_path / "out", state=blocked))
    job = Job.of(text_to_image, {"prompt": "x", "steps": 1, "size": "64x64", "count": 2})
    made = session.run(job)
    next(made)
    assert len([*made]) == 1
    session.close()
    said = [record.message for record in caplog.records if record.name == "studio"]
    assert len(said) == 1 and said[0].startswith("pictures are not in the gallery yet, only in their folder: ")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows a home for everybody")
@pytest.mark.parametrize(
    "words", [("run", "text-to-image", "--prompt", "x"), ("app",), ("lora", "list"), ("models", "list"),
              ("gallery", "find", "x"), ("train", "lora", "x", "--name", "x"), ("plan", "hires")]
)  # fmt: skip
def test_a_user_without_a_home_is_told_what_to_set(words, homeless, studio):
    code, _, err = studio(*words)
    assert code == 2 and err.count("\n") == 1
    assert err.startswith("studio: this user has no home folder; set HOME, or STUDIO_")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows a home for everybody")
def test_a_user_without_a_home_needs_a_state_folder_alone(homeless, studio, monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("STUDIO_OUTPUT", str(tmp_path / "out"))
    assert studio("lora", "list")[0] == 0
    assert Library.from_environment().wildcards == tmp_path / "state" / "wildcards"
    settings = Settings.from_environment()
    assert settings.state == tmp_path / "state"
    check_state(settings)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows a home for everybody")
def test_doctor_says_it_too(homeless):
    assert doctor.Diagnosis(
        "settings", "cannot be used", "this user has no home folder; set HOME, or STUDIO_STATE, to a folder"
    ) in [*doctor.findings()]


def test_doctor_tries_both_folders_and_makes_neither(blocked, monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_OUTPUT", str(tmp_path / "new" / "pictures"))
    monkeypatch.setenv("STUDIO_STATE", str(tmp_path / "state"))
    found = {finding.what: finding for finding in doctor.findings()}
    assert not (tmp_path / "new").exists() and not (tmp_path / "state").exists()
    assert "GB free" in found["pictures"].found and not found["pictures"].advice
    assert "GB free" in found["state"].found and not found["state"].advice
    monkeypatch.setattr(doctor, "_LOW_DISK", 10**18)
    assert "free some space" in {finding.what: finding.advice for finding in doctor.findings()}["state"]


def test_doctor_names_a_disk_that_can_give_no_name(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_OUTPUT", str(tmp_path))
    disks.use("neither", monkeypatch.setattr)
    assert not {finding.what: finding for finding in doctor.findings()}["pictures"].advice
    monkeypatch.setattr(no_overwrite, "_reserve", disks.refusing(1))
    found = {finding.what: finding for finding in doctor.findings()}["pictures"]
    assert "Operation not permitted; set STUDIO_OUTPUT to a folder on another disk" in found.advice


def printed_in_cp1252(act) -> str:
    """What is printed where the output has the code page of Windows' redirections."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    with redirect_stdout(stream), suppress(SystemExit):
        act()
    stream.flush()
    return stream.buffer.getvalue().decode("cp1252")


def test_letters_that_the_code_page_lacks_are_escaped(tmp_path):
    file = tmp_path / "Пример.yaml"
    file.write_text("title: Пример é 😀\ninputs: {prompt: draw.prompt}\nsteps: {draw: {use: generate}}\n", "utf-8")
    told = printed_in_cp1252(lambda: main(["show", str(file)]))
    assert told.startswith("\\u041f\\u0440\\u0438\\u043c\\u0435\\u0440 é \\ud83d\\ude00")


def test_what_is_escaped_is_still_json():
    def act():
        escape_missing(sys.stdout)
        say(json.dumps("Пример 😀 é", ensure_ascii=False))

    assert json.loads(printed_in_cp1252(act)) == "Пример 😀 é"


def test_help_keeps_the_marks_of_prompts(capsys):
    for words, kept in ((("run", "text-to-image"), "{red|blue} and __name__"), (("train", "lora"), "<lora:NAME:1>")):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        assert kept in " ".join(capsys.readouterr().out.replace("│", " ").split())
