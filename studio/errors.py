"""The errors that a user can fix.

    StudioError
    ├── InputError        the input is wrong: nothing was started, nothing written
    │   ├── WorkflowError   a workflow file is wrong
    │   └── TableError      rows of a table are wrong; it lists all of them
    ├── ModelError        a model's files are missing, changed or of an unknown kind
    ├── NotFinite         the model produced NaN or infinity, which would be a black picture
    ├── OutputError       a picture could not be written; earlier ones are untouched
    │   └── QueueError      the queue's file cannot be used now; trying again later may work
    ├── OutOfMemory       a picture does not fit into memory, whatever is tried; the next job may
    └── Cancelled         the run was stopped

Each message is one line that says what is wrong, where, and what to do. Only the surfaces (command line, web, API,
notebook) catch these.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self


def reason(error: BaseException) -> str:
    """The first line of an error of the system or a library; its class name if it has no message."""
    text = getattr(error, "strerror", None) or str(error)
    return next(iter(text.strip().splitlines()), "") or type(error).__name__


class StudioError(Exception):
    """Base of every error that the studio raises on purpose; the message is always one line."""

    def __init__(self, message: str = "") -> None:
        super().__init__(*filter(None, ("\\n".join(message.splitlines()),)))


class InputError(StudioError):
    """The input is wrong; nothing was started and nothing written.

    ``wrong`` maps the names of inputs to what is wrong with them; surfaces show that beside the input.
    """

    def __init__(self, message: str, wrong: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.wrong = dict(wrong or {})

    @classmethod
    def about(cls, name: str, text: str) -> Self:
        """An error about one input: "steps: too many"."""
        return cls(f"{name}: {text}", {name: text})


class WorkflowError(InputError):
    """A workflow file is wrong."""


class Problem(NamedTuple):
    """What is wrong with a table's cell. ``row`` is 0 for a problem outside the rows: a grid, a fixed value, a missing
    column.
    """

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        """ "row 3, steps: too many"."""
        where = ", ".join(filter(None, (f"row {self.row}" if self.row else "", self.column)))
        return f"{where}: {self.reason}" if where else self.reason


class TableError(InputError):
    """Rows of a table are wrong; ``problems`` are all that were found, in the order of the table."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.row)
        more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}")


class ModelError(StudioError):
    """A model's files are missing, changed or of an unknown kind."""


class NotFinite(StudioError):
    """The model produced NaN or infinity, which would be a black picture."""


class OutputError(StudioError):
    """A picture could not be written; earlier pictures are untouched."""


class QueueError(OutputError):
    """The queue's file cannot be read or written now; its content is untouched, and trying again may work."""


class OutOfMemory(StudioError):
    """A picture does not fit into memory, whatever is tried."""


class Cancelled(StudioError):
    """The run was stopped."""
