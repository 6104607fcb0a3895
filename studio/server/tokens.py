"""The secrets that open a server: given, kept in the state folder, or a file with one for each user."""

import re
import secrets
from pathlib import Path
from typing import Final

from studio.errors import InputError
from studio.files import private

HERE: Final = ("127.0.0.1", "localhost", "::1")
"""Hosts that only this machine can reach."""
LEAST: Final = 16
"""Letters of a token that cannot be guessed."""
_FILE: Final = "token"  # in the state folder


def checked(token: str | None, host: str) -> str | None:
    """The token that was given, or none where only this machine can ask.

    Raises InputError for a token that could be guessed or does not fit into an address, and where one is needed.
    """
    if token is None and host not in HERE:
        raise InputError(f"beyond this machine a token is needed: give one of {LEAST} letters or more with --token")
    if token is not None and not re.fullmatch(rf"[\w.~-]{{{LEAST},}}", token, re.ASCII):
        raise InputError(f"a token has {LEAST} or more letters, digits, '-', '_', '.' or '~'")
    return token


def kept(state: Path) -> str:
    """The token in the state folder, made the first time; whoever deletes its file gets a new one."""
    file = private.state_folder(state.absolute()) / _FILE
    found = file.read_text("utf-8").strip() if file.is_file() else ""
    if len(found) < LEAST:
        private.replace(file, (found := secrets.token_urlsafe(24)).encode())
    return found


def read(file: Path | None) -> tuple[str, ...]:
    """The users' tokens, one a line ("#" begins a remark); without a file a new one.

    Raises InputError for a file that cannot be read or holds a token that could be guessed.
    """
    if file is None:
        return (secrets.token_urlsafe(24),)
    try:
        lines = [line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the tokens in '{file}' cannot be read: {error}") from None
    found = tuple(filter(None, lines))
    if not found or min(map(len, found)) < LEAST:
        raise InputError(f"'{file}' must hold a token a line, each of {LEAST} letters or more")
    return found
