import io
import subprocess
import sys

import pytest

from studio.cli.terminal import rewrite, say
from studio.errors import OutputError


def test_what_others_wrote_steers_no_terminal(capsys):
    say("a\x1b[2J\u202eb", "猫\nc")
    say("\x9bx", error=True)
    rewrite("step \x1b]0;y\x07")
    assert capsys.readouterr() == ("a\\u001b[2J\\u202eb\n猫\\nc\n", "\\u009bx\n\r\x1b[Kstep \\u001b]0;y\\u0007")


def test_letters_that_a_terminal_has_not_are_written_out(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    say("größe")
    assert narrow.buffer.getvalue() == b"gr\\u00f6\\u00dfe\n"  # which JSON reads back


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full here")
def test_a_full_disk_behind_a_stream_is_said_once(monkeypatch):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OutputError, match="cannot be written: No space left"):
            say("x")
        say("y")  # the stream was given up


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full here")
@pytest.mark.parametrize("words", [["workflows"], ["--help"]])
def test_a_command_whose_output_is_full_ends_with_one_line(words):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "studio", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "studio: the output cannot be written: No space left on device\n",
    )
