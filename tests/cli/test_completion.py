"""Completion in the shell, by the scripts that ``studio --install-completion`` writes."""

import shutil
import subprocess
import sys

import pytest

from studio.cli import completion
from studio.cli.app import app, main

needs_bash = pytest.mark.skipif(sys.platform == "win32" or not shutil.which("bash"), reason="needs bash")


@needs_bash
def test_bash_completes_commands_workflows_and_their_flags(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["--install-completion", "--shell", "bash"])
    script = tmp_path / ".local/share/bash-completion/completions/studio"
    assert (ended.value.code, capsys.readouterr().out) == (0, f"wrote {script}; open a new terminal to use it\n")
    assert str(script) in (tmp_path / ".bashrc").read_text("utf-8")
    typed = ("studio gal", "studio run pos", "studio run poster --ti", "studio train lora --targets ")
    asked = "\n".join(
        f'COMP_WORDS=({line} ""); try' if line[-1] == " " else f"COMP_WORDS=({line}); try" for line in typed
    )
    bash = f"try() {{ COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); _studio; echo ${{COMPREPLY[@]}}; }}; . '{script}'\n{asked}"
    told = subprocess.run(["bash", "-c", bash], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["gallery", "poster", "--title", "all attention"]


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_other_shells_get_the_same_words(shell):
    script = completion.with_workflows(app).generate_completion(shell=shell)
    assert all(word in script for word in ("seamless-pattern", "left-loras", "reproduce"))


def test_a_home_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "home").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(SystemExit) as ended:
        main(["--install-completion", "--shell", "fish"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(f"studio: cannot write to '{tmp_path / 'home'}")
