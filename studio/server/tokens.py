"""The tokens of a server: given, stored in the state folder, or a file with one for each user."""

import re
import secrets
from pathlib import Path
from typing import Final

from studio.errors import InputError
from studio.files import private

HERE: Final = ("127.0.0.1", "localhost", "::1")
"""Hosts that only this machine can reach."""
MIN_LENGTH: Final = 16
"""Characters of a token that cannot be guessed."""
_FILE: Final = "token"  # in the state folder


def checked(token: str | None, host: str) -> str | None:
    """The given token, or None if only this machine can connect.

    Raises InputError for a token that can be guessed or cannot be part of a URL, and if a required one is missing.
    """
    if token is None and host not in HERE:
        raise InputError(f"to serve other machines, give a token of {MIN_LENGTH} or more characters with --token")
    if token is not None and not re.fullmatch(rf"[\w.~-]{{{MIN_LENGTH},}}", token, re.ASCII):
        raise InputError(f"a token has {MIN_LENGTH} or more letters, digits, '-', '_', '.' or '~'")
    return token


def kept(state: Path) -> str:
    """The token in the state folder, which is created if its file does not exist."""
    file = private.state_folder(state.absolute()) / _FILE
    found = file.read_text("utf-8").strip() if file.is_file() else ""
    if len(found) < MIN_LENGTH:
        private.replace(file, (found := secrets.token_urlsafe(24)).encode())
    return found


def read(file: Path | None) -> tuple[str, ...]:
    """The users' tokens, one on each line ("#" starts a comment); without a file, a new one.

    Raises InputError if the file cannot be read or contains a token that can be guessed.
    """
    if file is None:
        return (secrets.token_urlsafe(24),)
    try:
        lines = [line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the tokens in '{file}' cannot be read: {error}") from None
    found = tuple(filter(None, lines))
    if not found or min(map(len, found)) < MIN_LENGTH:
        raise InputError(f"'{file}' must contain one token on each line, of {MIN_LENGTH} or more characters")
    return found
