"""Help as plain text: markup would eat ``__name__``, ``<lora:NAME:1>`` and ``{red|blue}``."""

import inspect
from typing import Final

from cyclopts import App

FORMAT: Final = "plaintext"


def unwrap(app: App) -> None:
    """Put each paragraph of the commands' docstrings on one line: plain text is shown with the line breaks it has."""
    for name in app:
        if not name.startswith("-"):
            unwrap(app[name])
    if command := app.default_command:
        command.__doc__ = unwrapped(command.__doc__ or "")


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
