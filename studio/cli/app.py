"""The command ``studio``: its commands, each in a module that is imported when it is used, and its exit codes."""

import sys
from contextlib import suppress
from typing import Final

from cyclopts import App, CycloptsError, UnusedCliTokensError

from studio.cli import help_text
from studio.cli.code_page import escape_missing
from studio.cli.terminal import printing, say
from studio.errors import InputError, OutputError, StudioError
from studio.version import VERSION

FAILED: Final = 1
WRONG_USE: Final = 2

app = App(
    name="studio",
    version=VERSION,
    help="Generate pictures with open diffusion models, on your own machine.",
    help_format=help_text.FORMAT,
    suppress_keyboard_interrupt=False,
)
app.command("studio.cli.run:run", help="Generate pictures from a workflow, a job, or a picture to repeat.")
app.command("studio.cli.batch:batch", help="Generate a picture for each row of a table, or for a grid of values.")
app.command("studio.cli.workflows:workflows", help="List the workflows.")
app.command("studio.cli.workflows:show", help="Show a workflow's inputs, defaults and limits.")
app.command("studio.cli.workflows:plan", help="Show whether a workflow fits in memory, without loading a model.")
app.command("studio.cli.reproduce:reproduce", help="Generate a picture again and compare the two.")
app.command("studio.cli.importing:import_", name="import", help="Read another tool's settings and write a job.")
app.command("studio.cli.export:export", help="Write a picture's settings for another tool.")
app.command("studio.cli.gallery:app", name="gallery", help="Find, rate, tag, trash and restore pictures.")
app.command("studio.cli.models:app", name="models", help="Add, list, check and remove models.")
app.command("studio.cli.lora:app", name="lora", help="List, check, merge, extract and resize LoRAs.")
app.command("studio.cli.train:app", name="train", help="Train a LoRA on your own pictures.")
app.command("studio.cli.serve:web", name="app", help="Open the web app, which also serves the HTTP API.")
app.command("studio.cli.rayserve:serve", help="Serve the HTTP API to many users, on a Ray cluster.")
app.command("studio.cli.doctor:doctor", help="Check this machine and say how to fix what is wrong.")
app.command("studio.cli.completion:install_completion", name="--install-completion", help="Install shell completion.")


def main(arguments: list[str] | None = None) -> None:
    """The command ``studio``. Exit codes: 0 done, 1 failed or stopped, 2 wrong use.

    ``reproduce`` has two more, 3 and 4. After Ctrl+C or SIGTERM ``app`` and ``serve`` exit with 0, all others with 1.
    """
    for stream in (sys.stdout, sys.stderr):
        escape_missing(stream)
    tokens = sys.argv[1:] if arguments is None else arguments
    sys.exit(_guarded(tokens))


def _guarded(tokens: list[str]) -> int:
    """Run a command; errors become one line on stderr and an exit code."""
    try:
        with printing():
            return _dispatch(tokens)
    except InputError as error:
        return _fail(error, WRONG_USE)
    except StudioError as error:
        return _fail(error, FAILED)
    except CycloptsError as error:
        return _fail(_wrong_use(error, tokens), WRONG_USE)
    except KeyboardInterrupt:
        return _fail("stopped", FAILED)
    except BrokenPipeError:  # the reader of stdout has gone
        sys.stderr.close()
        return FAILED


def _wrong_use(error: CycloptsError, tokens: list[str]) -> str:
    if not isinstance(error, UnusedCliTokensError) or not error.unused_tokens:
        return str(error)
    extra, command = error.unused_tokens[0], tokens[0]
    if command == "reproduce":
        return f"'{extra}' is one picture too many; run 'studio reproduce' once for each picture"
    return f"'{extra}' is one argument too many; see 'studio {command} --help'"


def _fail(problem: object, code: int) -> int:
    with suppress(OutputError):
        say(f"studio: {' '.join(str(problem).split())}", error=True)
    return code


def _dispatch(tokens: list[str]) -> int:
    if tokens[:1] == ["run"] and len(tokens) > 1 and not tokens[1].startswith("-"):
        from studio.cli.run import run_target

        return run_target(tokens[1], tokens[2:])
    if not {"--help", "-h"}.isdisjoint(tokens):
        help_text.unwrap(app, tokens)
    return int(app(tokens, exit_on_error=False, print_error=False, result_action="return_value") or 0)
