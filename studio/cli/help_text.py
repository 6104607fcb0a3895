"""Help as plain text: markup would remove ``__name__``, ``<lora:NAME:1>`` and ``{red|blue}``."""

import inspect
from collections.abc import Iterable
from typing import Final

from cyclopts import App

FORMAT: Final = "plaintext"


def unwrap(app: App, tokens: Iterable[str]) -> None:
    """Show the whole docstring of the command that ``tokens`` name, each paragraph on one line.

    Plain text would keep the docstring's line breaks, and a command that is loaded late shows only its summary.
    """
    for name in tokens:
        if name.startswith("-") or name not in app:
            break
        app = app[name]
    if command := app.default_command:
        app.help = command.__doc__ = unwrapped(command.__doc__ or "")


def unwrapped(docstring: str) -> str:
    """The docstring with each paragraph, and each parameter's text, on one line."""
    lines: list[str] = []
    for line in inspect.cleandoc(docstring).split("\n"):
        before = lines[-1] if lines else ""
        if before and line and _indent(before) == _indent(line) and "---" not in {before[:3], line[:3]}:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
