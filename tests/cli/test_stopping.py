"""Ctrl+C and SIGTERM at every moment of a real process: it ends soon, in a line, with its exit code, no traceback."""

import os
import signal
import subprocess
import sys

import pytest

BEGUN = """
import sys, threading, time
from studio.cli.stopping import SignalHandler, at_work, instead
stopping = SignalHandler(code=int(sys.argv[1]))
stopping.begin()
def ready():
    print("ready", flush=True)
def forever(*_):
    while True:
        time.sleep(0.01)
"""
MOMENTS = {
    "at work": "ready(); forever()",
    "in a library that takes no interruption": """
class Stubborn:
    def __del__(self):
        ready(); forever()
Stubborn()
forever()
""",
    "in a call of the system's": "ready(); time.sleep(1000)",
    "while a thread loads": "threading.Thread(target=forever).start(); ready(); forever()",
    "where interruptions become other errors": """
try:
    ready(); forever()
except KeyboardInterrupt:
    stopping.end()
""",
    "while what is at work stops by itself": "at_work(lambda: 'stopped'); ready(); forever()",
    "where something else is called": "instead(lambda: sys.exit(stopping.end())); ready(); forever()",
}


def hears():
    """A shell starts what runs in its background deaf to Ctrl+C; the tests may themselves run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(*command, **more):
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears,  # noqa: PLW1509
        **more,
    )


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_one_signal_ends_it_whatever_it_does_and_more_of_them_say_no_more(moment):
    code = f"{BEGUN}\ntry:\n" + "\n".join(f"    {line}" for line in moment.splitlines())
    code += (
        "\nexcept KeyboardInterrupt:\n    pass\nforever()"
        if "at_work" not in moment
        else "\nfinally:\n    stopping.end()"
    )
    with started("-c", code, "7") as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 7
        assert process.stderr.read().startswith("studio: stopped")


def test_the_second_and_the_third_end_at_once_what_does_not_stop_by_itself():
    code = f"{BEGUN}\nat_work(lambda: 'stopped; 3 are kept')\ninstead(lambda: ready())\nready()\nforever()"
    with started("-c", code, "1") as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "ready\n"  # heard, and not ended
        for _ in range(2):
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 1
        assert process.stderr.read() == "studio: stopped; 3 are kept\n"


COMMANDS = {
    "run, as it starts": (["run", "text-to-image", "--prompt", "x"], "import 'cyclopts", [signal.SIGINT], 1),
    "run, as it loads": (["run", "text-to-image", "--prompt", "x"], "import 'torch", [signal.SIGINT] * 3, 1),
    "app, as it starts": (["app", "--no-open", "--port", "0"], "import 'gradio", [signal.SIGTERM], 0),
    "train, as it starts": (["train", "lora", ".", "--name", "x"], "import 'pydantic", [signal.SIGTERM] * 3, 1),
}


@pytest.mark.parametrize(("command", "until", "sent", "code"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_imports_and_loads_ends_in_a_line(tmp_path, command, until, sent, code):
    """Python says on stderr what it imports, so that the moment is known."""
    home = {"STUDIO_STATE": str(tmp_path / "state"), "STUDIO_OUTPUT": str(tmp_path / "out"), "STUDIO_DEVICE": "cpu"}
    with started("-v", "-m", "studio", *command, cwd=tmp_path, env={**os.environ, **home}) as process:
        assert any(until in line for line in process.stderr)
        for one in sent:
            process.send_signal(one)
        rest = process.stderr.read()
        assert process.wait(30) == code
    assert "Traceback" not in rest
    assert "studio: stopped" in rest
