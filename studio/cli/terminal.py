"""All output to the terminal: control characters in foreign text are escaped, and any character can be written."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from studio.cli.code_page import escaped
from studio.errors import OutputError, reason
from studio.files.printable import printable


def say(*lines: str, error: bool = False) -> None:
    """Print lines on stdout, or on stderr; control characters and line breaks within a line are escaped.

    Raises OutputError if the stream cannot be written, BrokenPipeError if its reader has gone. Nothing is written to a
    stream that has failed before.
    """
    _write(sys.stderr if error else sys.stdout, "".join(f"{printable(line)}\n" for line in lines))


def rewrite(line: str) -> None:
    """Replace the progress line on stderr; "" clears it."""
    _write(sys.stderr, f"\r\x1b[K{printable(line)}")


def live() -> bool:
    """Whether stderr is a terminal, where a line can be rewritten."""
    return sys.stderr.isatty()


def _write(stream: TextIO, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if stream.closed:
        return
    try:
        stream.write(escaped(text, encoding))
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _close(stream, error) from None


@contextmanager
def printing() -> Iterator[None]:
    """Raise OutputError for a full disk behind stdout, also if a library prints, for example the help."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename:
            raise
        raise _close(sys.stdout, error) from None


def _close(stream: TextIO, error: OSError) -> OutputError:
    """Close a stream that cannot be written, or Python would try again at exit; returns the error."""
    with suppress(OSError):
        stream.close()
    return OutputError(f"the output cannot be written: {reason(error)}")
