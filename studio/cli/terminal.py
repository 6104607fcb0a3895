"""The one way to a terminal: what other people wrote in a line cannot steer it, and any line can be written."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from studio.cli.code_page import escaped
from studio.errors import OutputError, reason
from studio.files.printable import printable


def say(*lines: str, error: bool = False) -> None:
    """Print lines on stdout, or on stderr; control characters and line breaks within one are written out.

    Raises OutputError where the stream cannot be written, BrokenPipeError where its reader has gone. A stream that was
    given up is passed over.
    """
    _write(sys.stderr if error else sys.stdout, "".join(f"{printable(line)}\n" for line in lines))


def rewrite(line: str) -> None:
    """Put a line of progress in the place of the one before, on stderr; "" clears it."""
    _write(sys.stderr, f"\r\x1b[K{printable(line)}")


def live() -> bool:
    """Whether somebody watches stderr, so that a line can rewrite itself."""
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
        raise _given_up(stream, error) from None


@contextmanager
def printing() -> Iterator[None]:
    """While inside, a full disk behind stdout is an OutputError also where a library prints, as it does with help."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename:
            raise
        raise _given_up(sys.stdout, error) from None


def _given_up(stream: TextIO, error: OSError) -> OutputError:
    """The error for a stream that cannot be written; it is closed, or Python would try once more when it ends."""
    with suppress(OSError):
        stream.close()
    return OutputError(f"what was to be printed cannot be written: {reason(error)}")
